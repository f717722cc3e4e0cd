import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Bytes that may pass at once after a quiet moment, in milliseconds of the rate: enough to make up for a busy machine
 * that lets this process wait, too little to be seen on a link.
 */
const BURST_MS = 200;

/**
 * A token bucket over bytes: what was read is paid afterwards, so that a piece larger than the bucket passes and the
 * next one waits. `nowMs` is a monotonic clock.
 */
export class Throttle {
  /** Bytes that may pass now; below 0, what is still owed. */
  private level: number;
  private lastMs: number;

  constructor(
    private readonly bytesPerSecond: number,
    private readonly nowMs: () => number,
  ) {
    this.level = this.burst;
    this.lastMs = nowMs();
  }

  private get burst(): number {
    return (this.bytesPerSecond * BURST_MS) / 1000;
  }

  /** Counts bytes that have passed and returns how long to wait before reading more, in milliseconds. */
  pay(bytes: number): number {
    const now = this.nowMs();
    this.level = Math.min(this.burst, this.level + ((now - this.lastMs) * this.bytesPerSecond) / 1000);
    this.lastMs = now;
    this.level -= bytes;
    return this.level >= 0 ? 0 : (-this.level * 1000) / this.bytesPerSecond;
  }

  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.pay(bytes);
    if (waitMs >= 1) await sleep(waitMs, undefined, { signal });
  }
}
