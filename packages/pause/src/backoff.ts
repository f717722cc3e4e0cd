/** How long to wait before each further attempt: twice as long each time, spread by half to either side. */
export class Backoff {
  private ms: number;

  constructor(
    private readonly firstMs: number,
    private readonly mostMs: number,
    /** In [0, 1): spreads the attempts of many. */
    private readonly random: () => number,
  ) {
    this.ms = firstMs;
  }

  /** Milliseconds until the next attempt; the one after that comes later. */
  next(): number {
    const { ms } = this;
    this.ms = Math.min(2 * ms, this.mostMs);
    return ms * (0.5 + this.random());
  }

  /** It worked: the next failure begins anew. */
  reset(): void {
    this.ms = this.firstMs;
  }
}
