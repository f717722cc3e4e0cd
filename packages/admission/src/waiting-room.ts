import { BANDS, type Band, upTo } from './band';
import { type Fair, FairQueue } from './fair-queue';

export interface Ask extends Fair {
  /** Whose replicas it needs: the name of a model or family. */
  group: string;
  band: Band;
  /** Memory that it holds while it waits. */
  bytes: number;
}

/** What may wait in each band. */
export interface Caps {
  requests: number;
  bytes: number;
}

export interface Full {
  what: keyof Caps;
  whose: 'band' | 'tenant';
  /** The band's cap, or what the tenant may have of it now. */
  limit: number;
}

/** One request that waits. */
export interface Waiting<T extends Ask> extends Fair {
  ask: T;
  sinceMs: number;
  untilMs: number;
  order: number;
}

/** What waits, summed up. */
export interface Crowd {
  requests: number;
  tokens: number;
}

/**
 * Everything that waits for a replica, over all models. Bands are served strictly in order; inside a band and group
 * the fair queue decides; between the groups of a band, whose replicas may be the same, the oldest head goes first.
 *
 * A band has caps, and of what is free of them a tenant may hold as much as it leaves: dynamic thresholds (Choudhury
 * and Hahne, 1998, alpha 1). One tenant alone gets half of a band, `n` greedy ones leave a share of `1 / (n + 1)`, so
 * that a newcomer always finds room. Time comes in as `nowMs`.
 */
export class WaitingRoom<T extends Ask> {
  private readonly bands = new Map(BANDS.map((band) => [band, new BandQueues<T>()]));
  private readonly entries = new Set<Waiting<T>>();
  private arrivals = 0;

  constructor(private readonly caps: Caps) {}

  get size(): number {
    return this.entries.size;
  }

  /** Lets it wait for `maxWaitMs` at most, or says what is full. */
  enter(ask: T, nowMs: number, maxWaitMs: number): Waiting<T> | Full {
    const queues = this.band(ask.band);
    const full = queues.fullFor(ask, this.caps);
    if (full) return full;
    const { tenant, weight, tokens } = ask;
    const order = this.arrivals++;
    const entry = { ask, tenant, weight, tokens, order, sinceMs: nowMs, untilMs: nowMs + maxWaitMs };
    queues.add(entry);
    this.entries.add(entry);
    return entry;
  }

  /** Takes out whoever is next of those whose group has room; undefined when there is none. */
  next(hasRoom: (group: string) => boolean): Waiting<T> | undefined {
    for (const band of BANDS) {
      const entry = this.band(band).next(hasRoom);
      if (!entry) continue;
      this.entries.delete(entry);
      return entry;
    }
    return undefined;
  }

  /** It does not want to wait any more; false where it does not wait. */
  leave(entry: Waiting<T>): boolean {
    return this.entries.delete(entry) && this.band(entry.ask.band).remove(entry);
  }

  /** Takes out all that have waited for too long, the oldest first. */
  expire(nowMs: number): Waiting<T>[] {
    const late = [...this.entries].filter(({ untilMs }) => untilMs <= nowMs);
    for (const entry of late) this.leave(entry);
    return late;
  }

  /** When the next one will have waited for too long; Infinity when nobody waits. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { untilMs } of this.entries) next = Math.min(next, untilMs);
    return next;
  }

  /** What waits for the group's replicas in the band and in those before it. */
  ahead(group: string, band: Band): Crowd {
    const crowd = { requests: 0, tokens: 0 };
    if (this.entries.size === 0) return crowd;
    for (const one of upTo(band)) {
      const queue = this.band(one).groups.get(group);
      crowd.requests += queue?.size ?? 0;
      crowd.tokens += queue?.tokens ?? 0;
    }
    return crowd;
  }

  /** What waits in a band. */
  held(band: Band): Caps {
    const { requests, bytes } = this.band(band).total;
    return { requests, bytes };
  }

  /** Everything that waits, the oldest first. */
  all(): IterableIterator<Waiting<T>> {
    return this.entries.values();
  }

  private band(band: Band): BandQueues<T> {
    return this.bands.get(band) as BandQueues<T>;
  }
}

/** One band: a fair queue for each group, and what waits of each tenant. */
class BandQueues<T extends Ask> {
  readonly groups = new Map<string, FairQueue<Waiting<T>>>();
  readonly total: Caps = { requests: 0, bytes: 0 };
  private readonly tenants = new Map<string, Caps>();

  fullFor({ tenant, bytes }: Ask, caps: Caps): Full | undefined {
    const own = this.tenants.get(tenant) ?? { requests: 0, bytes: 0 };
    const wanted = { requests: 1, bytes };
    for (const what of ['requests', 'bytes'] as const) {
      const free = caps[what] - this.total[what];
      if (wanted[what] > free) return { what, whose: 'band', limit: caps[what] };
      // What it would hold is at most what would still be free.
      const mine = own[what] + wanted[what];
      if (own.requests > 0 && mine > free - wanted[what]) {
        return { what, whose: 'tenant', limit: own[what] };
      }
    }
    return undefined;
  }

  add(entry: Waiting<T>): void {
    let queue = this.groups.get(entry.ask.group);
    if (!queue) {
      queue = new FairQueue();
      this.groups.set(entry.ask.group, queue);
    }
    queue.add(entry);
    this.count(entry.ask, 1);
  }

  remove(entry: Waiting<T>): boolean {
    const queue = this.groups.get(entry.ask.group);
    if (!queue?.remove(entry)) return false;
    this.left(entry, queue);
    return true;
  }

  next(hasRoom: (group: string) => boolean): Waiting<T> | undefined {
    let oldest: FairQueue<Waiting<T>> | undefined;
    for (const [group, queue] of this.groups) {
      const older = !oldest || (queue.first()?.order ?? 0) < (oldest.first()?.order ?? 0);
      if (older && hasRoom(group)) oldest = queue;
    }
    const entry = oldest?.take();
    if (entry && oldest) this.left(entry, oldest);
    return entry;
  }

  private left({ ask }: Waiting<T>, queue: FairQueue<Waiting<T>>): void {
    this.count(ask, -1);
    // An empty queue remembers nothing, so groups that are gone leave nothing behind.
    if (queue.size === 0) this.groups.delete(ask.group);
  }

  private count({ tenant, bytes }: Ask, sign: 1 | -1): void {
    const own = this.tenants.get(tenant) ?? { requests: 0, bytes: 0 };
    for (const one of [this.total, own]) {
      one.requests += sign;
      one.bytes += sign * bytes;
    }
    if (own.requests === 0) this.tenants.delete(tenant);
    else this.tenants.set(tenant, own);
  }
}
