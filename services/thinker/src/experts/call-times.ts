const KEPT = 128;
/** Fewer say nothing of a percentile. */
const ENOUGH = 20;
const CLASSES = 17;

/** How long calls to pods took lately, by how many pairs they had: what a late one is late against. */
export class CallTimes {
  /** By the power of two that the pairs reach. */
  private readonly classes = Array.from({ length: CLASSES }, () => ({
    us: new Float64Array(KEPT),
    count: 0,
  }));

  add(pairs: number, us: number): void {
    const one = this.of(pairs);
    one.us[one.count % KEPT] = us;
    one.count++;
  }

  /** The time that `percent` of calls of this size do not exceed, microseconds; null while too few were seen. */
  percentile(pairs: number, percent: number): number | null {
    const { us, count } = this.of(pairs);
    if (count < ENOUGH) return null;
    const sorted = us.slice(0, Math.min(count, KEPT)).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number;
  }

  private of(pairs: number) {
    const index = Math.min(CLASSES - 1, Math.floor(Math.log2(Math.max(1, pairs))));
    return this.classes[index] as (typeof this.classes)[number];
  }
}
