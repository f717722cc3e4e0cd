/** Milliseconds after which an arrival counts for 1/e: the shortest dwell, and what a lull does not erase. */
const MEMORIES_MS = [2000, 8000] as const;

/**
 * Requests per second: the higher of a quick and a slow count, both exponentially forgotten. A flood is seen at
 * once, and a lull of a second or two within it is not taken for its end.
 */
export class Arrivals {
  private readonly weights = MEMORIES_MS.map(() => 0);
  private atMs = 0;

  add(nowMs: number): void {
    this.weights.forEach((_, at) => {
      this.weights[at] = this.faded(at, nowMs) + 1;
    });
    this.atMs = nowMs;
  }

  perSecond(nowMs: number): number {
    return Math.max(...MEMORIES_MS.map((memoryMs, at) => (this.faded(at, nowMs) * 1000) / memoryMs));
  }

  private faded(at: number, nowMs: number): number {
    return (this.weights[at] ?? 0) * Math.exp(-Math.max(0, nowMs - this.atMs) / (MEMORIES_MS[at] ?? 1));
  }
}
