/** Events that wait for their reader beyond which no more audio is taken. */
const MOST_WAITING = 256;

/** What is told while somebody reads it: a queue whose writer can wait for room. */
export class Told<T> {
  private readonly waiting: T[] = [];
  private over: { error: unknown } | null = null;
  private wake: (() => void)[] = [];

  get isOver(): boolean {
    return this.over !== null;
  }

  tell(one: T): void {
    if (this.over) return;
    this.waiting.push(one);
    this.moved();
  }

  /** No more comes, after an error or without; the first end counts. */
  end(error?: unknown): void {
    this.over ??= { error };
    this.moved();
  }

  /** Resolves when the reader has not fallen behind, or all is over. */
  async room(): Promise<void> {
    while (this.waiting.length >= MOST_WAITING && !this.over) await this.change();
  }

  async *all(): AsyncGenerator<T> {
    for (;;) {
      for (let one = this.waiting.shift(); one !== undefined; one = this.waiting.shift()) {
        this.moved();
        yield one;
      }
      if (this.over && this.waiting.length === 0) {
        if (this.over.error !== undefined) throw this.over.error;
        return;
      }
      await this.change();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.wake.push(resolve));
  }

  private moved(): void {
    for (const wake of this.wake.splice(0)) wake();
  }
}
