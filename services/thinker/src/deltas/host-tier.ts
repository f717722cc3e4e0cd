import { RoomQueue, Tier } from '@zen/delta-cache';
import { ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';
import { type DeltaBase, type DeltaCopy, IncomingDelta } from './incoming-delta';
import { byteTier } from './tier-options';

/** Loads that wait for memory at once. */
const MOST_WAITING = 1024;

/** A copy that stays until it is released. */
export interface HostHold {
  copy: DeltaCopy;
  release(): void;
}

/** Room for a delta that is on its way. */
export interface Landing {
  incoming: IncomingDelta;
  /** It is whole. */
  land(): HostHold;
  /** It will not come; no effect once it has landed. */
  cancel(): void;
}

/** Verified deltas in host memory, a hard limit of bytes; what is on its way counts from its manifest on. */
export class HostTier {
  private readonly tier: Tier;
  /** By the id's key; `place` is the entry's key in `tier`, for a new copy may come while the old one is in use. */
  private readonly copies = new Map<string, { copy: DeltaCopy; place: string }>();
  private readonly queue: RoomQueue;
  private landings = 0;

  constructor(
    private readonly options: { bytes: number; base: DeltaBase; nowMs(): number },
    private readonly evicted: () => void,
  ) {
    this.tier = new Tier(byteTier(options.bytes));
    this.queue = new RoomQueue(MOST_WAITING, (tenant) => this.tier.usedOf(tenant));
  }

  /** Bytes taken. */
  get used(): number {
    return this.tier.used;
  }

  get count(): number {
    return this.copies.size;
  }

  held(): DeltaCopy[] {
    return Array.from(this.copies.values(), ({ copy }) => copy);
  }

  has(copy: DeltaCopy): boolean {
    return this.copies.get(copy.id.key)?.copy === copy;
  }

  /** Null where it is not here. */
  take(key: string): HostHold | null {
    const found = this.copies.get(key);
    if (!found) return null;
    this.tier.use(found.place, this.options.nowMs());
    this.tier.pin(found.place);
    return this.hold(found.copy, found.place);
  }

  /** Begins to take a delta in: checks its manifest, then waits for room. */
  async bring(id: DeltaId, manifest: Uint8Array, signal: AbortSignal): Promise<Landing> {
    const incoming = new IncomingDelta(id, manifest, this.options.base);
    const { bytes } = incoming;
    if (!this.tier.fits(bytes)) {
      const limit = `${this.options.bytes} of host memory`;
      throw new ThinkerError('delta_too_large', `delta ${id.digest}: ${bytes} bytes, limit ${limit}`);
    }
    const place = `${id.key}.${this.landings++}`;
    await this.queue.take(id.tenant, () => this.reserve(place, id.tenant, bytes), signal);
    return {
      incoming,
      land: () => {
        const copy = incoming.end();
        if (this.tier.has(place)) this.copies.set(id.key, { copy, place });
        return this.hold(copy, place);
      },
      cancel: () => {
        if (this.copies.get(id.key)?.place === place) return;
        this.tier.remove(place);
        this.queue.changed();
      },
    };
  }

  /** Forgets it at once; whoever uses it has it a little longer. */
  drop(key: string): void {
    const found = this.copies.get(key);
    if (!found) return;
    this.copies.delete(key);
    this.tier.remove(found.place);
    this.queue.changed();
  }

  private hold(copy: DeltaCopy, place: string): HostHold {
    let held = true;
    const release = () => {
      if (!held || !this.tier.has(place)) return;
      held = false;
      this.tier.unpin(place);
      this.queue.changed();
    };
    return { copy, release };
  }

  private reserve(place: string, tenant: string, size: number): true | null {
    const nowMs = this.options.nowMs();
    const gone = this.tier.makeRoom(tenant, size, nowMs);
    if (gone === null) return null;
    for (const { key } of gone) {
      this.copies.delete(key.slice(0, key.indexOf('.')));
      this.evicted();
    }
    this.tier.add({ key: place, tenant, size }, nowMs);
    this.tier.pin(place);
    return true;
  }
}
