/** Milliseconds after which an arrival counts for 1/e; as long as the shortest dwell. */
const MEMORY_MS = 2000;

/** Requests per second, exponentially forgotten. */
export class Arrivals {
  private weight = 0;
  private atMs = 0;

  add(nowMs: number): void {
    this.weight = this.faded(nowMs) + 1;
    this.atMs = nowMs;
  }

  perSecond(nowMs: number): number {
    return (this.faded(nowMs) * 1000) / MEMORY_MS;
  }

  private faded(nowMs: number): number {
    return this.weight * Math.exp(-Math.max(0, nowMs - this.atMs) / MEMORY_MS);
  }
}
