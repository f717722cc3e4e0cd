const KEPT = 128;
/** Fewer say nothing of a percentile. */
const ENOUGH = 20;
const CLASSES = 17;

interface Times {
  us: Float64Array;
  count: number;
}

const NOTHING: Times = { us: new Float64Array(0), count: 0 };

/** How long calls to pods took lately, by how many pairs they had: what a late one is late against. */
export class CallTimes {
  /** By the power of two that the pairs reach. */
  private readonly classes = Array.from({ length: CLASSES }, (): Times => {
    return { us: new Float64Array(KEPT), count: 0 };
  });

  add(pairs: number, us: number): void {
    const one = this.classes[classOf(pairs)] as Times;
    one.us[one.count % KEPT] = us;
    one.count++;
  }

  /**
   * The time that `percent` of calls of this size do not exceed, microseconds. Of a size that was seen too rarely what
   * the next one says, longer by the share of pairs where that is a smaller one; null while none says anything.
   */
  percentile(pairs: number, percent: number): number | null {
    const own = classOf(pairs);
    for (let off = 0; off < CLASSES; off++) {
      const smaller = this.ofClass(own - off, percent);
      if (smaller !== null) return smaller * 2 ** off;
      const larger = this.ofClass(own + off, percent);
      if (larger !== null) return larger;
    }
    return null;
  }

  private ofClass(index: number, percent: number): number | null {
    const { us, count } = this.classes[index] ?? NOTHING;
    if (count < ENOUGH) return null;
    const sorted = us.slice(0, Math.min(count, KEPT)).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number;
  }
}

function classOf(pairs: number): number {
  return Math.min(CLASSES - 1, Math.floor(Math.log2(Math.max(1, pairs))));
}
