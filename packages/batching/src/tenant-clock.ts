/**
 * Start-time fair queueing: a tenant's virtual time grows with what was computed for it, and whoever is behind
 * goes first. A tenant that was idle starts where the busy ones are, so that idling saves nothing up, and one
 * that leaves and returns keeps what it owes.
 */
export class TenantClock {
  private readonly tenants = new Map<string, { time: number; live: number }>();

  /** One more request of this tenant is live. */
  arrive(tenant: string): void {
    const now = this.now();
    const entry = this.tenants.get(tenant) ?? { time: now, live: 0 };
    if (entry.live === 0) entry.time = Math.max(entry.time, now);
    entry.live++;
    this.tenants.set(tenant, entry);
  }

  /** One request of this tenant has ended. Debts that the others have caught up with are forgotten. */
  leave(tenant: string): void {
    const entry = this.tenants.get(tenant);
    if (entry) entry.live--;
    const busy = [...this.tenants.values()].some(({ live }) => live > 0);
    const now = this.now();
    for (const [name, { time, live }] of this.tenants) {
      if (live <= 0 && (!busy || time <= now)) this.tenants.delete(name);
    }
  }

  charge(tenant: string, cost: number): void {
    const entry = this.tenants.get(tenant);
    if (entry) entry.time += cost;
  }

  time(tenant: string): number {
    return this.tenants.get(tenant)?.time ?? this.now();
  }

  /** Virtual time of the busy tenant that is furthest behind; 0 when none is busy. */
  private now(): number {
    let now = Number.POSITIVE_INFINITY;
    for (const { time, live } of this.tenants.values()) if (live > 0) now = Math.min(now, time);
    return now === Number.POSITIVE_INFINITY ? 0 : now;
  }
}
