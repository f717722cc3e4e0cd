/**
 * Which of several routers plans: the one whose versions the pods have. The others hear them rise, and one of them
 * takes over once they have not for `leaseMs`. Should two begin at once, each hears of the other and waits again, for
 * a time of its own; pods refuse the lower version meanwhile.
 */
export class WriterLease {
  private quietUntil = 0;

  constructor(
    readonly leaseMs: number,
    /** In [0, 1). */
    private readonly random: () => number,
  ) {}

  /** A pod has an assignment of somebody else's, given `ageMs` ago. */
  heard(nowMs: number, ageMs: number): void {
    if (ageMs >= this.leaseMs) return;
    const waitMs = this.leaseMs - ageMs + (this.random() * this.leaseMs) / 3;
    this.quietUntil = Math.max(this.quietUntil, nowMs + waitMs);
  }

  mayWrite(nowMs: number): boolean {
    return nowMs >= this.quietUntil;
  }

  /** How often the one that plans has to say so. */
  get renewMs(): number {
    return this.leaseMs / 3;
  }
}
