/** What can be evicted: the least priority first, of equals the one that has been there longer. */
export interface Ranked {
  priority: number;
  /** Rises with every change of priority. */
  order: number;
}

/** A binary heap whose elements can be taken out from anywhere. */
export class EvictionHeap<T extends Ranked> {
  private readonly heap: T[] = [];
  private readonly places = new Map<T, number>();

  push(element: T): void {
    this.place(element, this.heap.length);
    this.up(this.heap.length - 1);
  }

  /** The first one, taken out; undefined where there is none. */
  pop(): T | undefined {
    const [first] = this.heap;
    if (first) this.remove(first);
    return first;
  }

  /** No effect where it is not in here. */
  remove(element: T): void {
    const at = this.places.get(element);
    if (at === undefined) return;
    this.places.delete(element);
    const last = this.heap.pop() as T;
    if (last === element) return;
    this.place(last, at);
    this.up(at);
    this.down(this.places.get(last) as number);
  }

  private up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.swapped(at, parent)) return;
      at = parent;
    }
  }

  private down(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= this.heap.length) return;
      const child = left + 1 < this.heap.length && this.isBefore(left + 1, left) ? left + 1 : left;
      if (!this.swapped(child, at)) return;
      at = child;
    }
  }

  /** Puts `child` in its parent's place where it comes first. */
  private swapped(child: number, parent: number): boolean {
    if (!this.isBefore(child, parent)) return false;
    const [a, b] = [this.heap[child] as T, this.heap[parent] as T];
    this.place(a, parent);
    this.place(b, child);
    return true;
  }

  private isBefore(i: number, j: number): boolean {
    const [a, b] = [this.heap[i] as T, this.heap[j] as T];
    return a.priority < b.priority || (a.priority === b.priority && a.order < b.order);
  }

  private place(element: T, at: number): void {
    this.heap[at] = element;
    this.places.set(element, at);
  }
}
