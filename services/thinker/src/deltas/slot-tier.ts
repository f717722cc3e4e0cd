import { RoomQueue, Tier, type TierEntry, unlessAborted } from '@zen/delta-cache';
import type { DeltaPart } from '@zen/engine';
import type { ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';
import type { DeltaCopy } from './incoming-delta';
import type { SlotKind } from './slot-kind';
import { slotTier } from './tier-options';

/** Where deltas are computed with. */
export interface DeltaEngine {
  /** Copies a delta into a slot; the result is its handle. */
  loadDelta(parts: DeltaPart[]): Promise<number>;
  /** Only while no sequence uses it; what is cached of it is found again by its scope. */
  freeDelta(slot: number): void;
  /** Drops cached KV of this scope; what sequences in it still compute is not cached any more. */
  forgetScope(scope: Uint8Array): void;
  /** Calls `then` as soon as no sequence uses the slot, now at the earliest. */
  whenUnused(slot: number, then: () => void): void;
}

/** What an answer holds of its delta. */
export interface DeltaLease {
  readonly id: DeltaId;
  readonly slot: number;
  /** Fires, with a ThinkerError, when nothing that is computed with it may be said any more. */
  readonly lost: AbortSignal;
  release(): void;
}

export interface SlotOptions {
  /** Slots of each kind. */
  slots: Readonly<Record<SlotKind, number>>;
  /** Most slots of a kind that one tenant may take. */
  tenantSlots: number;
  /** Answers that wait for a slot at once. */
  mostWaiting: number;
  nowMs(): number;
}

interface Resident {
  id: DeltaId;
  kind: SlotKind;
  /** Its key in the tier: another copy of the delta may come while this one goes. */
  place: string;
  slot: number;
  /** Of data. */
  bytes: number;
  lost: AbortController;
}

/** Deltas in the engine's fixed slots. What an answer uses stays where it is, until the last of its sequences is gone. */
export class SlotTier {
  private readonly tiers: Record<SlotKind, { tier: Tier; queue: RoomQueue }>;
  private readonly byPlace = new Map<string, Resident>();
  /** Those that can be found, by the id's key. */
  private readonly current = new Map<string, Resident>();
  /** Those that are on their way out, by the id's key: until then nothing of the same scope may come in. */
  private readonly leaving = new Map<string, { gone: Promise<void>; done(): void }>();
  private loads = 0;

  constructor(
    private readonly engine: DeltaEngine,
    private readonly options: SlotOptions,
    private readonly evicted: () => void,
  ) {
    const open = (kind: SlotKind) => {
      const tier = new Tier(slotTier(options.slots[kind], options.tenantSlots));
      return { tier, queue: new RoomQueue(options.mostWaiting, (tenant) => tier.usedOf(tenant)) };
    };
    this.tiers = { small: open('small'), dense: open('dense') };
  }

  counts(kind: SlotKind): { slots: number; taken: number; pinned: number } {
    const { tier } = this.tiers[kind];
    return { slots: this.options.slots[kind], taken: tier.used, pinned: tier.pinned };
  }

  /** Data of all deltas in slots. */
  get bytes(): number {
    return [...this.byPlace.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Those in slots. */
  held(): DeltaId[] {
    return Array.from(this.current.values(), ({ id }) => id);
  }

  /** A lease on what is here; null where it is not. Moves no data. */
  take(key: string): DeltaLease | null {
    const resident = this.current.get(key);
    if (!resident) return null;
    const { tier } = this.tiers[resident.kind];
    tier.use(resident.place, this.options.nowMs());
    tier.pin(resident.place);
    return this.lease(resident);
  }

  /** Puts a copy into a slot, as soon as one may be had. */
  async load({ id, parts, data }: DeltaCopy, kind: SlotKind, signal: AbortSignal): Promise<void> {
    const leaving = this.leaving.get(id.key);
    if (leaving) await unlessAborted(leaving.gone, signal);
    const { tier, queue } = this.tiers[kind];
    const place = `${id.key}.${this.loads++}`;
    await queue.take(id.tenant, () => this.reserve(tier, place, id.tenant), signal);
    let slot: number;
    try {
      slot = await this.engine.loadDelta(parts);
    } catch (error) {
      tier.remove(place);
      queue.changed();
      throw error;
    }
    const resident: Resident = { id, kind, place, slot, bytes: data.length, lost: new AbortController() };
    this.byPlace.set(place, resident);
    this.current.set(id.key, resident);
    this.unpin(resident);
  }

  /**
   * From now on nobody finds it nor its KV, and answers that use it end with the reason. The slot goes when the last of
   * them has left the batch.
   */
  drop(key: string, reason: ThinkerError): void {
    const resident = this.current.get(key);
    if (!resident) return;
    this.current.delete(key);
    let done = () => {};
    const gone = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.leaving.set(key, { gone, done });
    resident.lost.abort(reason);
    this.engine.forgetScope(resident.id.scope);
    this.leave(resident);
  }

  private lease(resident: Resident): DeltaLease {
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      // Its sequence leaves the engine only when no step runs.
      this.engine.whenUnused(resident.slot, () => this.unpin(resident));
    };
    return { id: resident.id, slot: resident.slot, lost: resident.lost.signal, release };
  }

  private unpin(resident: Resident): void {
    const { tier, queue } = this.tiers[resident.kind];
    tier.unpin(resident.place);
    this.leave(resident);
    queue.changed();
  }

  /** Frees the slot of what was dropped, if nothing uses it any more. */
  private leave(resident: Resident): void {
    const { id, kind, place, slot } = resident;
    const { tier, queue } = this.tiers[kind];
    if (!resident.lost.signal.aborted || tier.isPinned(place)) return;
    this.free(place, slot);
    tier.remove(place);
    this.leaving.get(id.key)?.done();
    this.leaving.delete(id.key);
    queue.changed();
  }

  private reserve(tier: Tier, place: string, tenant: string): true | null {
    const nowMs = this.options.nowMs();
    const gone = tier.makeRoom(tenant, 1, nowMs);
    if (gone === null) return null;
    for (const victim of gone) this.evict(victim);
    tier.add({ key: place, tenant, size: 1 }, nowMs);
    tier.pin(place);
    return true;
  }

  private evict({ key: place }: TierEntry): void {
    const resident = this.byPlace.get(place);
    if (!resident) throw new RangeError(`nothing at ${place}`);
    this.current.delete(resident.id.key);
    this.free(place, resident.slot);
    this.evicted();
  }

  private free(place: string, slot: number): void {
    this.byPlace.delete(place);
    this.engine.freeDelta(slot);
  }
}
