/** Shortest time over which goodput is compared; below it one chunk's chance would decide. */
const WINDOW_MS = 1000;
/** Change of goodput that counts as better or worse. */
const MARGIN = 0.05;
/** Windows between two trials once a trial did not pay. */
const HOLD_WINDOWS = 5;

type Trial = 'more' | 'fewer';

/**
 * How many requests may be in flight: climbs the hill of goodput. It tries one more, and goes on while that brings
 * more; later one fewer, and goes on while that brings no less. A link that one request fills is left with one.
 */
export class RequestLimit {
  private bytes = 0;
  private busy = false;
  private sinceMs: number;
  /** Goodput that the trial is compared with, in bytes per second. */
  private base = 0;
  private trial: Trial | null = null;
  private next: Trial = 'more';
  private hold = 0;

  constructor(
    private current: number,
    private readonly most: number,
    nowMs: number,
  ) {
    this.sinceMs = nowMs;
  }

  get value(): number {
    return this.current;
  }

  /** Bytes that arrived while so many requests were in flight; windows that did not use the limit teach nothing. */
  record(bytes: number, inFlight: number, nowMs: number): void {
    this.bytes += bytes;
    this.busy ||= inFlight >= this.current;
    if (nowMs - this.sinceMs < WINDOW_MS) return;
    const rate = (this.bytes * 1000) / (nowMs - this.sinceMs);
    if (this.busy) this.judge(rate);
    this.restart(nowMs);
  }

  /** The server said that it is overloaded. */
  halve(nowMs: number): void {
    this.current = Math.max(1, this.current >> 1);
    this.trial = null;
    this.next = 'more';
    this.hold = HOLD_WINDOWS;
    this.restart(nowMs);
  }

  private judge(rate: number): void {
    const paid = this.trial === 'more' ? rate > this.base * (1 + MARGIN) : rate > this.base * (1 - MARGIN);
    if (this.trial !== null && !paid) {
      this.current += this.trial === 'more' ? -1 : 1;
      this.next = this.trial === 'more' ? 'fewer' : 'more';
      this.trial = null;
      this.hold = HOLD_WINDOWS;
      return;
    }
    this.base = rate;
    if (this.trial === null && this.hold-- > 0) return;
    this.try(this.trial ?? this.next);
  }

  /** At an end of the range the only trial is the other way. */
  private try(wanted: Trial): void {
    this.trial = this.current <= 1 ? 'more' : this.current >= this.most ? 'fewer' : wanted;
    if (this.most === 1) this.trial = null;
    else this.current += this.trial === 'more' ? 1 : -1;
  }

  private restart(nowMs: number): void {
    this.bytes = 0;
    this.busy = false;
    this.sinceMs = nowMs;
  }
}
