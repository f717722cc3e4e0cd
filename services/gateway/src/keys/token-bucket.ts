/**
 * A budget that refills evenly: `perMinute` at most, refilled in a minute. It may go below zero, because what an
 * answer costs is known only at its end; the debt is paid before the next request. Times in milliseconds.
 */
export class TokenBucket {
  private level: number;

  constructor(
    readonly perMinute: number,
    private updatedAtMs: number,
  ) {
    this.level = perMinute;
  }

  /** What is left, at least 0. */
  remaining(nowMs: number): number {
    this.refill(nowMs);
    return Math.max(0, Math.floor(this.level));
  }

  take(amount: number, nowMs: number): void {
    this.refill(nowMs);
    this.level -= amount;
  }

  /** Milliseconds until `amount` can be taken; 0 now. More than a minute's budget waits for a full one. */
  waitMs(amount: number, nowMs: number): number {
    this.refill(nowMs);
    const missing = Math.min(amount, this.perMinute) - this.level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.perMinute) * 60_000);
  }

  /** Milliseconds until it is full. */
  resetMs(nowMs: number): number {
    return this.waitMs(this.perMinute, nowMs);
  }

  private refill(nowMs: number): void {
    const elapsed = Math.max(0, nowMs - this.updatedAtMs);
    this.level = Math.min(this.perMinute, this.level + (elapsed / 60_000) * this.perMinute);
    this.updatedAtMs = nowMs;
  }
}
