/** What waits in a fair queue. */
export interface Fair {
  tenant: string;
  /** The tenant's share against others, above 0; 1 is ordinary. */
  weight: number;
  /** Estimated work, tokens. */
  tokens: number;
}

interface Flow<T> {
  /** Virtual time up to which the tenant has been served. */
  time: number;
  waiting: Set<T>;
}

/**
 * Start-time fair queueing (Goyal, Vin and Cheng, 1996). A tenant's next request starts at
 * `S = max(v, F)` and finishes at `F' = S + tokens / weight`, where `F` is the finish of its last one and `v` the
 * start of the request that was taken last; the least start is next, the oldest of equal ones first. While two
 * tenants wait, what they got per weight differs by at most one request of each. Inside a tenant order is kept.
 *
 * Starts are given when a request is taken, not when it comes: one that leaves costs its tenant nothing.
 */
export class FairQueue<T extends Fair> {
  private readonly flows = new Map<string, Flow<T>>();
  private virtualTime = 0;
  private count = 0;
  private sum = 0;

  get size(): number {
    return this.count;
  }

  /** Of all that wait. */
  get tokens(): number {
    return this.sum;
  }

  add(item: T): void {
    let flow = this.flows.get(item.tenant);
    if (!flow) {
      flow = { time: this.virtualTime, waiting: new Set() };
      this.flows.set(item.tenant, flow);
    }
    flow.waiting.add(item);
    this.count++;
    this.sum += item.tokens;
  }

  /** False where it does not wait here. */
  remove(item: T): boolean {
    const flow = this.flows.get(item.tenant);
    if (!flow?.waiting.delete(item)) return false;
    this.count--;
    this.sum -= item.tokens;
    this.forget();
    return true;
  }

  /** Who is next; undefined when nobody waits. */
  first(): T | undefined {
    let best: Flow<T> | undefined;
    // A Map keeps the order in which flows came, so of equal times the one that has been here longest wins.
    for (const flow of this.flows.values()) {
      if (flow.waiting.size === 0) continue;
      if (!best || this.start(flow) < this.start(best)) best = flow;
    }
    return best?.waiting.values().next().value;
  }

  /** Takes out whoever is next. */
  take(): T | undefined {
    const item = this.first();
    if (!item) return undefined;
    const flow = this.flows.get(item.tenant) as Flow<T>;
    this.virtualTime = this.start(flow);
    flow.time = this.virtualTime + item.tokens / item.weight;
    // Last among its equals from now on.
    this.flows.delete(item.tenant);
    this.flows.set(item.tenant, flow);
    this.remove(item);
    return item;
  }

  private start({ time }: Flow<T>): number {
    return Math.max(this.virtualTime, time);
  }

  /** Nobody is remembered who owes nothing; when nobody waits any more, nobody owes anything. */
  private forget(): void {
    if (this.count === 0) {
      this.flows.clear();
      this.virtualTime = 0;
      return;
    }
    for (const [tenant, { time, waiting }] of this.flows) {
      if (waiting.size === 0 && time <= this.virtualTime) this.flows.delete(tenant);
    }
  }
}
