interface Waiter {
  tenant: string;
  order: number;
  /** Takes what it waits for, if it can now. */
  attempt(): boolean;
}

/** There are as many waiters as there may be. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

/**
 * Those who wait for room. Whenever there may be some, the tenant that has the least comes first, of one tenant whoever
 * has waited longest; one that cannot be served holds up nobody.
 */
export class RoomQueue {
  private readonly waiting = new Set<Waiter>();
  private arrivals = 0;

  constructor(
    /** Most that wait. */
    private readonly most: number,
    /** What a tenant has already. */
    private readonly usedOf: (tenant: string) => number,
  ) {}

  get length(): number {
    return this.waiting.size;
  }

  /**
   * What `attempt` gives as soon as it is not null: tried now and after every `changed`. Throws QueueFull where too
   * many wait, and the signal's reason when that fires.
   */
  async take<T>(tenant: string, attempt: () => T | null, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    // Nobody who waits could have had it, or would have.
    const now = attempt();
    if (now !== null) return now;
    if (this.waiting.size >= this.most) throw new QueueFull(`${this.most} wait already, the limit`);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        tenant,
        order: this.arrivals++,
        attempt: () => {
          const taken = attempt();
          if (taken === null) return false;
          leave();
          resolve(taken);
          return true;
        },
      };
      const giveUp = () => {
        leave();
        reject(signal.reason);
      };
      const leave = () => {
        this.waiting.delete(waiter);
        signal.removeEventListener('abort', giveUp);
      };
      this.waiting.add(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** There may be room now. */
  changed(): void {
    // What one takes changes what its tenant has, so the order is made anew.
    for (let served = true; served; ) {
      const order = [...this.waiting].sort(
        (a, b) => this.usedOf(a.tenant) - this.usedOf(b.tenant) || a.order - b.order,
      );
      served = order.some((waiter) => waiter.attempt());
    }
  }
}
