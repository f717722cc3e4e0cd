/** Milliseconds after which what was served counts for 1/e. */
const MEMORY_MS = 10_000;
/** Below it, tokens per second, nothing is known: the queue has just formed, or nothing moves. */
const LEAST_RATE = 0.01;
const UNKNOWN_S = 10;
const MAX_RETRY_AFTER_S = 120;

/** How fast a queue drains: tokens that left it, exponentially forgotten. Time comes in as `nowMs`. */
export class DrainRate {
  private weight = 0;
  private atMs = 0;

  served(tokens: number, nowMs: number): void {
    this.weight = this.faded(nowMs) + tokens;
    this.atMs = nowMs;
  }

  tokensPerSecond(nowMs: number): number {
    return (this.faded(nowMs) * 1000) / MEMORY_MS;
  }

  /** Whole seconds until what waits will have been served, 1 to 120; 10 where the rate is not known. */
  retryAfterS(tokensAhead: number, nowMs: number): number {
    const rate = this.tokensPerSecond(nowMs);
    const seconds = rate < LEAST_RATE ? UNKNOWN_S : Math.ceil(tokensAhead / rate);
    return Math.min(MAX_RETRY_AFTER_S, Math.max(1, seconds));
  }

  private faded(nowMs: number): number {
    return this.weight * Math.exp(-Math.max(0, nowMs - this.atMs) / MEMORY_MS);
  }
}
