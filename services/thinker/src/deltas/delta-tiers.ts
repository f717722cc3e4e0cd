import { NegativeCache, QueueFull, SingleFlight } from '@zen/delta-cache';
import { EngineError } from '@zen/engine';
import { type DeltaFailure, ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';
import type { DiskTier } from './disk-tier';
import { type Fetch, fetchDelta } from './fetch-delta';
import type { HostHold, HostTier } from './host-tier';
import type { DeltaCopy } from './incoming-delta';
import { type SlotKind, slotBytesOf, slotKindOf } from './slot-kind';
import type { DeltaLease, SlotTier } from './slot-tier';

export type DeltaTier = 'slot' | 'host' | 'disk' | 'store';

export interface DeltaEvents {
  /** A request got its delta: where from, and how long that took. */
  had(tier: DeltaTier, seconds: number): void;
  /** A delta could not be had. */
  refused(failure: DeltaFailure): void;
  /** A copy in memory does not have its bytes any more. */
  corrupt(id: DeltaId): void;
  revoked(id: DeltaId): void;
}

/** How long a failure is remembered, milliseconds; 0: not at all. What may change soon is asked again soon. */
const REMEMBERED_MS: Record<DeltaFailure, number> = {
  delta_denied: 0,
  delta_not_found: 2_000,
  delta_wrong_base: 60_000,
  delta_revoked: 5_000,
  delta_corrupt: 5_000,
  delta_too_large: 60_000,
  delta_no_room: 0,
  delta_store_unavailable: 500,
  delta_lost: 0,
  deltas_off: 0,
};
const MOST_REMEMBERED = 100_000;

export interface TiersOptions {
  slotBytes: number;
  /** Longest wait for a slot or for memory, milliseconds. */
  waitMs: number;
  nowMs(): number;
}

/**
 * The way of a delta to the engine: slots, host memory, the node's disk, the store. One flight brings it for all who
 * ask meanwhile. It is verified when it enters memory and nowhere after that.
 */
export class DeltaTiers {
  private readonly flights = new SingleFlight<DeltaTier>();
  private readonly failures = new NegativeCache<ThinkerError>(MOST_REMEMBERED);
  /** Why nothing may be used now; null while all is well. */
  private closed: ThinkerError | null = null;

  constructor(
    readonly slots: SlotTier,
    readonly host: HostTier,
    readonly disk: DiskTier,
    private readonly fetch: (id: DeltaId, token: string) => Fetch,
    private readonly options: TiersOptions,
    private readonly events: DeltaEvents,
  ) {}

  /** Deltas on their way into a slot. */
  get loading(): number {
    return this.flights.size;
  }

  /** Everything that this replica holds, anywhere. */
  held(): DeltaId[] {
    const all = [...this.slots.held(), ...this.host.held().map(({ id }) => id), ...this.disk.held()];
    return [...new Map(all.map((id) => [id.key, id])).values()];
  }

  /**
   * The delta in a slot, for as long as the lease is held; who asks is authorised already, `token` is shown to the
   * store. Throws a ThinkerError by the delta's name, or the signal's reason.
   */
  async acquire(id: DeltaId, token: string, signal: AbortSignal): Promise<DeltaLease> {
    const started = performance.now();
    let tier: DeltaTier = 'slot';
    try {
      for (;;) {
        this.check(id);
        const lease = this.slots.take(id.key);
        if (lease) {
          this.events.had(tier, (performance.now() - started) / 1000);
          return lease;
        }
        // Between its arrival and here it may have gone again.
        tier = await this.flights.join(id.key, signal, (ended) => this.load(id, token, ended));
      }
    } catch (error) {
      if (error instanceof ThinkerError) this.events.refused(error.failure as DeltaFailure);
      throw error;
    }
  }

  /** It was deleted or erased: nothing of it stays, and what computes with it ends. */
  async revoke(id: DeltaId): Promise<void> {
    const reason = new ThinkerError('delta_revoked', `delta ${id.digest}: deleted or erased`);
    this.remember(id, reason);
    this.forget(id, reason);
    await this.disk.drop(id);
    this.events.revoked(id);
  }

  /** The copy in memory has gone bad, and with it, for all that is known, what was loaded from it. */
  corrupt({ id }: DeltaCopy): void {
    this.forget(id, new ThinkerError('delta_lost', `delta ${id.digest}: its copy in memory went bad`));
    this.events.corrupt(id);
  }

  /** The lease with the store has run out: nothing is used, nor kept in memory, until it is renewed. */
  lapse(): void {
    this.closed ??= new ThinkerError(
      'delta_store_unavailable',
      'deltas: the lease with the store has run out',
    );
    for (const id of this.slots.held()) this.slots.drop(id.key, this.closed);
    for (const { id } of this.host.held()) this.host.drop(id.key);
  }

  /** The store has been heard. */
  renewed(): void {
    this.closed = null;
  }

  /** Refused lately, by reason. */
  failed(): ReadonlyMap<DeltaFailure, number> {
    const counts = new Map<DeltaFailure, number>();
    for (const { failure } of this.failures.values(this.options.nowMs())) {
      counts.set(failure as DeltaFailure, (counts.get(failure as DeltaFailure) ?? 0) + 1);
    }
    return counts;
  }

  private check(id: DeltaId): void {
    const failure = this.closed ?? this.failures.get(id.key, this.options.nowMs());
    if (failure) throw failure;
  }

  private forget(id: DeltaId, reason: ThinkerError): void {
    this.host.drop(id.key);
    this.slots.drop(id.key, reason);
  }

  /** Into memory, then into a slot. */
  private async load(id: DeltaId, token: string, signal: AbortSignal): Promise<DeltaTier> {
    try {
      const { tier, hold } = await this.bring(id, token, signal);
      try {
        this.check(id);
        await this.place(hold.copy, signal);
        // Nothing that was revoked meanwhile gets this far.
        if (tier === 'store') this.disk.write(hold.copy);
      } finally {
        hold.release();
      }
      return tier;
    } catch (error) {
      const failure = error instanceof QueueFull ? this.noRoom(id, error.message) : error;
      if (failure instanceof ThinkerError) this.remember(id, failure);
      throw failure;
    }
  }

  private async bring(
    id: DeltaId,
    token: string,
    signal: AbortSignal,
  ): Promise<{ tier: DeltaTier; hold: HostHold }> {
    const here = this.host.take(id.key);
    if (here) return { tier: 'host', hold: here };
    const bring = (manifest: Uint8Array) =>
      this.waiting(id, 'memory', signal, (bounded) => this.host.bring(id, manifest, bounded));
    const near = await this.disk.read(id, bring);
    if (near) return { tier: 'disk', hold: near };
    return { tier: 'store', hold: await fetchDelta(id, this.fetch(id, token), bring, signal) };
  }

  private async place(copy: DeltaCopy, signal: AbortSignal): Promise<void> {
    const { id } = copy;
    const kind = this.kindOf(copy);
    try {
      await this.waiting(id, `${kind} slot`, signal, (bounded) => this.slots.load(copy, kind, bounded));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // Shapes are right: they were checked against the base.
      throw tooLarge(id, error.message, error);
    }
    // Revoked while it was on its way.
    try {
      this.check(id);
    } catch (error) {
      this.slots.drop(id.key, error as ThinkerError);
      throw error;
    }
  }

  private kindOf({ id, parts }: DeltaCopy): SlotKind {
    const { slotBytes } = this.options;
    const kind = slotKindOf(parts, { slots: this.slots.counts('small').slots, slotBytes });
    if (this.slots.counts(kind).slots > 0) return kind;
    throw tooLarge(id, `${slotBytesOf(parts)} bytes, limit ${slotBytes} of a slot`);
  }

  /** Waits for a place, not for ever. */
  private async waiting<T>(
    id: DeltaId,
    what: string,
    signal: AbortSignal,
    take: (bounded: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { waitMs } = this.options;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(this.noRoom(id, `no ${what} came free within ${waitMs / 1000} s`)),
      waitMs,
    );
    try {
      return await take(AbortSignal.any([signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  private noRoom({ digest }: DeltaId, why: string): ThinkerError {
    return new ThinkerError('delta_no_room', `delta ${digest}: ${why}`);
  }

  private remember({ key }: DeltaId, error: ThinkerError): void {
    const forMs = REMEMBERED_MS[error.failure as DeltaFailure];
    if (forMs > 0) this.failures.add(key, error, this.options.nowMs() + forMs);
  }
}

function tooLarge({ digest }: DeltaId, why: string, cause?: unknown): ThinkerError {
  return new ThinkerError('delta_too_large', `delta ${digest}: ${why}`, { cause });
}
