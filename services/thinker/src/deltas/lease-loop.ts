import { randomUUID } from 'node:crypto';
import type { HeldDelta, LeaseResponse } from '@zen/contracts';
import { pause } from '@zen/pause';
import { type DeltaId, deltaId } from './delta-id';
import type { DeltaTiers } from './delta-tiers';

/** A lease holds this long until the store has said how long, milliseconds. */
const FIRST_LEASE_MS = 60_000;
/** Renewed three times in its life, so that one call may fail. */
const RENEWALS = 3;
const RETRY_MS = 1_000;
/** Deltas named in one call: a message of about 3 MB. */
const PER_CALL = 20_000;

/**
 * Tells the store again and again what this replica holds, so that it is kept, and drops what the store says is gone.
 * Where the store stays silent for longer than the lease nothing is used any more: it may be gone without our knowing.
 */
export class LeaseLoop {
  private readonly holder = randomUUID();
  private leaseMs = FIRST_LEASE_MS;
  private calls = 0;

  constructor(
    private readonly tiers: Pick<DeltaTiers, 'held' | 'revoke' | 'lapse' | 'renewed' | 'disk'>,
    private readonly lease: (
      holder: string,
      held: HeldDelta[],
      signal: AbortSignal,
    ) => Promise<LeaseResponse>,
    private readonly nowMs: () => number,
    /** The store did not answer; `lapsed`: for longer than the lease. */
    private readonly failed: (error: unknown, lapsed: boolean) => void,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    let goodUntilMs = this.nowMs() + this.leaseMs;
    while (!signal.aborted) {
      const startedMs = this.nowMs();
      try {
        await this.renew(signal);
        goodUntilMs = startedMs + this.leaseMs;
        await pause(this.leaseMs / RENEWALS, signal);
      } catch (error) {
        if (signal.aborted) return;
        const lapsed = this.nowMs() >= goodUntilMs;
        if (lapsed) this.tiers.lapse();
        this.failed(error, lapsed);
        await pause(lapsed ? RETRY_MS : Math.min(RETRY_MS, goodUntilMs - this.nowMs()), signal);
      }
    }
  }

  /** One round: everything that is held, in calls of bounded size, each under a name of its own. */
  private async renew(signal: AbortSignal): Promise<void> {
    await this.tiers.disk.scan();
    const held = this.tiers.held();
    const calls = Math.max(1, Math.ceil(held.length / PER_CALL));
    const revoked = new Set<string>();
    let leaseMs = Number.POSITIVE_INFINITY;
    // A name that held something last time lets go of it.
    for (let call = 0; call < Math.max(calls, this.calls); call++) {
      const part = held.slice(call * PER_CALL, (call + 1) * PER_CALL);
      const named = part.map(({ tenant, digest }) => ({ tenant, digest }));
      const answer = await this.lease(`${this.holder}-${call}`, named, signal);
      leaseMs = Math.min(leaseMs, answer.leaseMs);
      for (const one of answer.revoked) {
        const id = deltaId(one.tenant, one.digest);
        revoked.add(id.key);
        await this.tiers.revoke(id);
      }
    }
    this.calls = calls;
    this.leaseMs = leaseMs;
    this.confirm(held.filter(({ key }) => !revoked.has(key)));
  }

  private confirm(held: DeltaId[]): void {
    this.tiers.disk.confirm(held);
    this.tiers.renewed();
  }
}
