/** Who has used a tier lately: those share its floors. The least recent come first. */
export class ActiveTenants {
  private readonly lastMs = new Map<string, number>();

  constructor(private readonly idleMs: number) {}

  saw(tenant: string, nowMs: number): void {
    this.lastMs.delete(tenant);
    this.lastMs.set(tenant, nowMs);
  }

  /** Forgets those that have been idle for too long, and counts the others. */
  count(nowMs: number): number {
    for (const [tenant, last] of this.lastMs) {
      if (nowMs - last < this.idleMs) break;
      this.lastMs.delete(tenant);
    }
    return this.lastMs.size;
  }

  has(tenant: string): boolean {
    return this.lastMs.has(tenant);
  }
}
