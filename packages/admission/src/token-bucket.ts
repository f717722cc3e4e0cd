/**
 * A budget that refills evenly: `perMinute` at most, refilled in a minute. It may go below zero, because what an
 * answer costs is known only at its end; the debt is paid before the next request. Times in milliseconds.
 */
export class TokenBucket {
  private units: number;

  constructor(
    private rate: number,
    private updatedAtMs: number,
  ) {
    this.units = rate;
  }

  get perMinute(): number {
    return this.rate;
  }

  /** Another budget from now on; nobody gets more at once by it. */
  resize(perMinute: number, nowMs: number): void {
    this.refill(nowMs);
    this.rate = perMinute;
    this.refill(nowMs);
  }

  /** As it is known to be elsewhere. */
  assume(level: number, nowMs: number): void {
    this.units = level;
    this.updatedAtMs = nowMs;
  }

  /** What is left; below zero what is owed. */
  level(nowMs: number): number {
    this.refill(nowMs);
    return this.units;
  }

  take(amount: number, nowMs: number): void {
    this.refill(nowMs);
    this.units -= amount;
  }

  /** Milliseconds until `amount` can be taken; 0 now. More than a minute's budget waits for a full one. */
  waitMs(amount: number, nowMs: number): number {
    this.refill(nowMs);
    const missing = Math.min(amount, this.perMinute) - this.units;
    return missing <= 0 ? 0 : Math.ceil((missing / this.perMinute) * 60_000);
  }

  /** Milliseconds until it is full. */
  resetMs(nowMs: number): number {
    return this.waitMs(this.perMinute, nowMs);
  }

  private refill(nowMs: number): void {
    const elapsed = Math.max(0, nowMs - this.updatedAtMs);
    this.units = Math.min(this.perMinute, this.units + (elapsed / 60_000) * this.perMinute);
    this.updatedAtMs = nowMs;
  }
}
