/** Remembers for a while why something cannot be had, so that asking again and again costs nothing. */
export class NegativeCache<F> {
  private readonly failures = new Map<string, { failure: F; untilMs: number }>();

  /** `most`: entries kept; the oldest are forgotten first. */
  constructor(private readonly most: number) {}

  get(key: string, nowMs: number): F | undefined {
    const found = this.failures.get(key);
    if (!found) return undefined;
    if (found.untilMs > nowMs) return found.failure;
    this.failures.delete(key);
    return undefined;
  }

  add(key: string, failure: F, untilMs: number): void {
    this.failures.delete(key);
    this.failures.set(key, { failure, untilMs });
    for (const oldest of this.failures.keys()) {
      if (this.failures.size <= this.most) break;
      this.failures.delete(oldest);
    }
  }

  /** What is remembered now. */
  *values(nowMs: number): Generator<F> {
    for (const { failure, untilMs } of this.failures.values()) if (untilMs > nowMs) yield failure;
  }

  remove(key: string): void {
    this.failures.delete(key);
  }
}
