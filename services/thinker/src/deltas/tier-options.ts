import type { TierOptions } from '@zen/delta-cache';

/** What one round trip to the store could carry meanwhile, bytes: 5 ms at 50 MB/s. */
const ROUND_TRIP_BYTES = 256 * 1024;
/** Of every tier half is divided into floors; the other half goes to what is used most. */
const FLOOR_SHARE = 0.5;
/** A tenant that has asked for nothing for this long has no floor. */
const IDLE_MS = 10 * 60_000;

export function byteTier(capacity: number): TierOptions {
  return { capacity, fixedCost: ROUND_TRIP_BYTES, floorShare: FLOOR_SHARE, idleMs: IDLE_MS };
}

/** Slots are alike: only use counts. */
export function slotTier(capacity: number, ceiling: number): TierOptions {
  return { capacity, fixedCost: 0, floorShare: FLOOR_SHARE, idleMs: IDLE_MS, ceiling };
}
