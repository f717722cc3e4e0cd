import { ActiveTenants } from './active-tenants';
import { EvictionHeap } from './eviction-heap';

export interface TierEntry {
  /** Names tenant and digest. */
  key: string;
  tenant: string;
  /** Bytes; 1 for a slot. */
  size: number;
}

export interface TierOptions {
  /** In the unit of `size`. */
  capacity: number;
  /** What it costs to bring an entry back beyond its size, in the unit of `size`: what a round trip could carry. */
  fixedCost: number;
  /** Share of the capacity that is divided evenly between active tenants as their floors, 0 to 1. */
  floorShare: number;
  /** A tenant that has used nothing for this long has no floor any more, milliseconds. */
  idleMs: number;
  /** Most that one tenant may take; default the capacity. */
  ceiling?: number;
}

interface Held extends TierEntry {
  hits: number;
  pins: number;
  priority: number;
  order: number;
}

/**
 * What a tier of deltas holds, and what goes when something else comes: greedy dual size frequency, so of two entries
 * with the same use the one that is cheaper to bring back goes first, and what was used often long ago ages. What is
 * pinned stays. A tenant that holds no more than its floor loses nothing to others. Keeps account only: whoever owns
 * the bytes moves them. Time comes in, in milliseconds.
 */
export class Tier {
  private readonly held = new Map<string, Held>();
  private readonly evictable = new EvictionHeap<Held>();
  private readonly usedBy = new Map<string, number>();
  private readonly active: ActiveTenants;
  /** Priority of what went last: newcomers start from there, so old merit fades. */
  private inflation = 0;
  private changes = 0;
  private total = 0;
  private pinnedCount = 0;

  constructor(private readonly options: TierOptions) {
    this.active = new ActiveTenants(options.idleMs);
  }

  /** In the unit of `size`. */
  get used(): number {
    return this.total;
  }

  /** Entries. */
  get count(): number {
    return this.held.size;
  }

  /** Entries that are in use. */
  get pinned(): number {
    return this.pinnedCount;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  isPinned(key: string): boolean {
    return (this.held.get(key)?.pins ?? 0) > 0;
  }

  entries(): Iterable<TierEntry> {
    return this.held.values();
  }

  /** What one tenant has in it, in the unit of `size`. */
  usedOf(tenant: string): number {
    return this.usedBy.get(tenant) ?? 0;
  }

  /** What a tenant with entries in use lately keeps against all others, in the unit of `size`. */
  floor(nowMs: number): number {
    const tenants = this.active.count(nowMs);
    if (tenants === 0) return 0;
    const { capacity, floorShare } = this.options;
    // Where each can have a whole slot, each has one.
    const least = tenants <= capacity && floorShare > 0 ? 1 : 0;
    return Math.max(least, Math.floor((capacity * floorShare) / tenants));
  }

  /** Notes a hit; false where it is not here. */
  use(key: string, nowMs: number): boolean {
    const entry = this.held.get(key);
    if (!entry) return false;
    this.active.saw(entry.tenant, nowMs);
    entry.hits++;
    this.rank(entry);
    return true;
  }

  /** While pinned it is not evicted; pins add up. */
  pin(key: string): void {
    const entry = this.get(key);
    if (entry.pins++ > 0) return;
    this.pinnedCount++;
    this.evictable.remove(entry);
  }

  unpin(key: string): void {
    const entry = this.get(key);
    if (entry.pins === 0) throw new RangeError(`${key} is not pinned`);
    if (--entry.pins > 0) return;
    this.pinnedCount--;
    this.evictable.push(entry);
  }

  /** Whether it could be here if nothing else were. */
  fits(size: number): boolean {
    return size <= this.limit;
  }

  /**
   * Makes room for something of this tenant: returns what has gone for it, or null, and nothing has changed, where what
   * may go does not suffice now.
   */
  makeRoom(tenant: string, size: number, nowMs: number): TierEntry[] | null {
    this.active.saw(tenant, nowMs);
    if (!this.fits(size)) return null;
    const floor = this.floor(nowMs);
    const gone: Held[] = [];
    const own = ({ tenant: other }: Held) => other === tenant;
    const unprotected = (entry: Held) =>
      own(entry) || !this.active.has(entry.tenant) || this.usedOf(entry.tenant) > floor;
    const enough =
      this.evict(gone, own, () => this.usedOf(tenant) + size <= this.limit) &&
      this.evict(gone, unprotected, () => this.total + size <= this.options.capacity);
    if (!enough) {
      for (const entry of gone) this.insert(entry);
      return null;
    }
    for (const { priority } of gone) this.inflation = Math.max(this.inflation, priority);
    return gone;
  }

  /** Puts it in; there must be room. */
  add({ key, tenant, size }: TierEntry, nowMs: number): void {
    if (this.held.has(key)) throw new RangeError(`${key} is here already`);
    if (this.total + size > this.options.capacity) {
      throw new RangeError(`${key}: ${this.total} + ${size}, limit ${this.options.capacity}`);
    }
    this.active.saw(tenant, nowMs);
    const entry: Held = { key, tenant, size, hits: 1, pins: 0, priority: 0, order: 0 };
    this.insert(entry);
    this.rank(entry);
  }

  /** Takes it out, pinned or not; no effect where it is not here. */
  remove(key: string): void {
    const entry = this.held.get(key);
    if (!entry) return;
    if (entry.pins > 0) this.pinnedCount--;
    this.take(entry);
  }

  private get limit(): number {
    return Math.min(this.options.capacity, this.options.ceiling ?? Number.POSITIVE_INFINITY);
  }

  private get(key: string): Held {
    const entry = this.held.get(key);
    if (!entry) throw new RangeError(`${key} is not here`);
    return entry;
  }

  /** Takes out what `may` go, the least worth first, until there is `enough`; false where it never is. */
  private evict(gone: Held[], may: (entry: Held) => boolean, enough: () => boolean): boolean {
    const kept: Held[] = [];
    while (!enough()) {
      const entry = this.evictable.pop();
      if (!entry) break;
      if (may(entry)) {
        this.take(entry);
        gone.push(entry);
      } else kept.push(entry);
    }
    for (const entry of kept) this.evictable.push(entry);
    return enough();
  }

  private insert(entry: Held): void {
    this.held.set(entry.key, entry);
    this.usedBy.set(entry.tenant, this.usedOf(entry.tenant) + entry.size);
    this.total += entry.size;
    this.evictable.push(entry);
  }

  private take(entry: Held): void {
    this.held.delete(entry.key);
    this.evictable.remove(entry);
    const left = this.usedOf(entry.tenant) - entry.size;
    if (left > 0) this.usedBy.set(entry.tenant, left);
    else this.usedBy.delete(entry.tenant);
    this.total -= entry.size;
  }

  private rank(entry: Held): void {
    const listed = entry.pins === 0;
    if (listed) this.evictable.remove(entry);
    entry.priority = this.inflation + entry.hits * (1 + this.options.fixedCost / entry.size);
    entry.order = ++this.changes;
    if (listed) this.evictable.push(entry);
  }
}
