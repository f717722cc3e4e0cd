/** Time over which the rate is averaged. */
const SPAN_MS = 5000;
const SLOT_MS = 250;

/** Bytes per second of the last few seconds; `nowMs` is a monotonic clock. */
export class RateMeter {
  private readonly slots: { atMs: number; bytes: number }[] = [];

  constructor(private readonly nowMs: () => number) {}

  add(bytes: number): void {
    const atMs = Math.floor(this.nowMs() / SLOT_MS) * SLOT_MS;
    const last = this.slots.at(-1);
    if (last?.atMs === atMs) last.bytes += bytes;
    else this.slots.push({ atMs, bytes });
    this.forget();
  }

  bytesPerSecond(): number {
    this.forget();
    const [first] = this.slots;
    if (!first) return 0;
    const spanMs = Math.max(SLOT_MS, this.nowMs() - first.atMs);
    return (this.slots.reduce((sum, { bytes }) => sum + bytes, 0) * 1000) / spanMs;
  }

  private forget(): void {
    while (this.slots[0] && this.slots[0].atMs < this.nowMs() - SPAN_MS) this.slots.shift();
  }
}
