// A local name: looking up a global in the innermost loop is slow inside a vm context.
const { imul } = Math;

/** Pairs of neighbouring token ids that merge, each with its rank (lower merges first) and result. */
export class MergeTable {
  private readonly mask: number;
  /** Open addressing: left id, right id, rank, result; left is -1 where a slot is free. */
  private readonly slots: Int32Array;

  constructor(merges: readonly { left: number; right: number; result: number }[]) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, merges.length * 2)));
    this.mask = size - 1;
    this.slots = new Int32Array(size * 4).fill(-1);
    merges.forEach(({ left, right, result }, rank) => {
      this.slots.set([left, right, rank, result], this.find(left, right));
    });
  }

  /** Slot of a pair, for `rank` and `result`; a slot that is free has rank -1. */
  find(left: number, right: number): number {
    let at = (imul(left, 0x9e3779b1) ^ imul(right, 0x85ebca6b)) >>> 0;
    at = (at ^ (at >>> 15)) & this.mask;
    while (this.slots[at * 4] !== -1 && (this.slots[at * 4] !== left || this.slots[at * 4 + 1] !== right)) {
      at = (at + 1) & this.mask;
    }
    return at * 4;
  }

  rank(slot: number): number {
    return this.slots[slot + 2]!;
  }

  result(slot: number): number {
    return this.slots[slot + 3]!;
  }
}

/** Rank and position of a candidate as one sortable number: rank · 2^32 + position. */
const POSITIONS = 2 ** 32;

/**
 * Merges the ids of one word: again and again the pair of lowest rank, the leftmost first. A heap of
 * candidates and a linked list of survivors make it O(n log n), so a word of a million letters is no
 * problem.
 */
export class BpeMerger {
  private next = new Int32Array(0);
  private previous = new Int32Array(0);
  private heap = new Float64Array(0);
  private heapSize = 0;

  constructor(private readonly table: MergeTable) {}

  /** Merges `ids[0, count)` in place and returns how many are left. */
  merge(ids: Int32Array, count: number): number {
    this.reserve(count);
    const { next, previous, table } = this;
    for (let at = 0; at < count; at++) {
      next[at] = at + 1;
      previous[at] = at - 1;
    }
    for (let at = 0; at + 1 < count; at++) this.offer(ids, at, at + 1);
    while (this.heapSize > 0) {
      const top = this.pop();
      const at = top % POSITIONS;
      const right = next[at]!;
      // A candidate is stale once either side has merged with something else.
      if (ids[at] === -1 || right >= count) continue;
      const slot = table.find(ids[at]!, ids[right]!);
      if (table.rank(slot) !== (top - at) / POSITIONS) continue;
      ids[at] = table.result(slot);
      ids[right] = -1;
      const after = next[right]!;
      next[at] = after;
      if (after < count) {
        previous[after] = at;
        this.offer(ids, at, after);
      }
      const before = previous[at]!;
      if (before >= 0) this.offer(ids, before, at);
    }
    let left = 0;
    for (let at = 0; at < count; at = next[at]!) ids[left++] = ids[at]!;
    return left;
  }

  private reserve(count: number): void {
    if (this.next.length >= count) return;
    const size = Math.max(64, count + (count >> 1));
    this.next = new Int32Array(size);
    this.previous = new Int32Array(size);
    // Each position is offered once at the start, and each merge offers two more.
    this.heap = new Float64Array(size * 3);
  }

  private offer(ids: Int32Array, at: number, right: number): void {
    const rank = this.table.rank(this.table.find(ids[at]!, ids[right]!));
    if (rank < 0) return;
    const { heap } = this;
    const key = rank * POSITIONS + at;
    let hole = this.heapSize++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = key;
  }

  private pop(): number {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap[--this.heapSize]!;
    let hole = 0;
    for (;;) {
      let child = hole * 2 + 1;
      if (child >= this.heapSize) break;
      if (child + 1 < this.heapSize && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = last;
    return top;
  }
}
