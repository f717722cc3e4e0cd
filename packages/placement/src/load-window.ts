/** Tokens per (layer, expert) over the last while, in buckets that expire one after the other. */
export class LoadWindow {
  private readonly buckets: Float64Array[] = [];
  /** Number of the newest bucket since time 0. */
  private newest = Number.NEGATIVE_INFINITY;
  /** [layers][experts], the sum of the buckets. */
  readonly tokens: Float64Array;

  constructor(
    private readonly cells: number,
    /** Milliseconds that the window spans, and the parts that it moves by. */
    private readonly spanMs: number,
    private readonly parts = 6,
  ) {
    this.tokens = new Float64Array(cells);
  }

  /** `tokens`: [layers][experts]. */
  add(tokens: ArrayLike<number>, nowMs: number): void {
    this.advance(nowMs);
    const bucket = this.buckets.at(-1)!;
    for (let cell = 0; cell < this.cells; cell++) {
      bucket[cell]! += tokens[cell]!;
      this.tokens[cell]! += tokens[cell]!;
    }
  }

  /** Lets go what is older than the window. Time never goes back here: an earlier moment counts as the last one. */
  advance(nowMs: number): void {
    const number = Math.floor((nowMs * this.parts) / this.spanMs);
    if (number <= this.newest) return;
    const passed = Math.min(this.parts, number - this.newest);
    this.newest = number;
    for (let at = 0; at < passed; at++) {
      const old = this.buckets.length < this.parts ? undefined : this.buckets.shift();
      // Whole numbers below 2^53, so that nothing is left of what is taken away.
      if (old) for (let cell = 0; cell < this.cells; cell++) this.tokens[cell]! -= old[cell]!;
      this.buckets.push(old?.fill(0) ?? new Float64Array(this.cells));
    }
  }
}
