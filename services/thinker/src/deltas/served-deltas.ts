import type { DeltaCapacity, DeltaRef } from '@zen/contracts';
import type { ServiceTokens } from '@zen/service-token';
import { authorize } from './authorize';
import type { DeltaTiers } from './delta-tiers';
import type { HostScrubber } from './host-scrubber';
import type { LeaseLoop } from './lease-loop';
import type { DeltaLease } from './slot-tier';
import type { StoreClient } from './store-client';

/** Deltas as this replica serves them. */
export class ServedDeltas {
  private readonly closing = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    readonly tiers: DeltaTiers,
    private readonly parts: {
      tokens: ServiceTokens;
      store: StoreClient;
      lease: LeaseLoop;
      scrubber: HostScrubber;
      slotBytes: number;
    },
  ) {}

  /**
   * The delta that a request names, in a slot until the lease is released. Its token is looked at first, wherever the
   * delta is. Throws a ThinkerError, or the signal's reason.
   */
  async acquire(ref: DeltaRef, tenant: string, signal: AbortSignal): Promise<DeltaLease> {
    const id = authorize(ref, tenant, this.parts.tokens);
    return this.tiers.acquire(id, ref.token, signal);
  }

  capacity(): DeltaCapacity {
    const small = this.tiers.slots.counts('small');
    const dense = this.tiers.slots.counts('dense');
    return {
      slots: small.slots,
      slotsTaken: small.taken,
      slotsPinned: small.pinned,
      denseSlots: dense.slots,
      denseSlotsTaken: dense.taken,
      denseSlotsPinned: dense.pinned,
      slotBytes: BigInt(this.parts.slotBytes),
    };
  }

  /** Keeps the lease with the store and looks after the bytes in memory, for as long as anything may be answered. */
  start(failed: (error: unknown) => void): void {
    const { lease, scrubber } = this.parts;
    const { signal } = this.closing;
    this.running = Promise.all([lease.run(signal), scrubber.run(signal)]).then(() => undefined, failed);
  }

  /** Only when no answer is left. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
    await this.tiers.disk.settle();
    this.parts.store.close();
  }
}
