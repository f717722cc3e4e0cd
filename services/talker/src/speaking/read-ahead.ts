export interface Ahead {
  /** What may be there and not taken yet before the source waits. */
  limit: number;
  /** Ends it: the source is left, what is there is forgotten, and reading throws the reason. */
  signal: AbortSignal;
}

/**
 * Reads a source ahead of its reader: the next item is asked for while less than `limit` is there that nobody has
 * taken. So there is at most the limit and one item more.
 */
export class ReadAhead<T> {
  private readonly items: T[] = [];
  private held = 0;
  private over = false;
  private fault: unknown = null;
  private wakeReader = () => {};
  private wakeSource = () => {};

  constructor(
    private readonly source: AsyncIterable<T>,
    private readonly sizeOf: (item: T) => number,
    private readonly ahead: Ahead,
  ) {
    ahead.signal.addEventListener(
      'abort',
      () => {
        this.items.length = 0;
        this.wakeReader();
        this.wakeSource();
      },
      { once: true },
    );
    void this.fill();
  }

  /** What is there and not taken. */
  get size(): number {
    return this.held;
  }

  /** So much of an item that was read has been taken. */
  taken(size: number): void {
    this.held -= size;
    this.wakeSource();
  }

  /** The next item; undefined after the last. */
  async next(): Promise<T | undefined> {
    for (;;) {
      this.ahead.signal.throwIfAborted();
      const item = this.items.shift();
      if (item !== undefined) return item;
      if (this.fault !== null) throw this.fault;
      if (this.over) return undefined;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
  }

  private async fill(): Promise<void> {
    const { limit, signal } = this.ahead;
    try {
      for await (const item of this.source) {
        if (signal.aborted) return;
        this.items.push(item);
        this.held += this.sizeOf(item);
        this.wakeReader();
        while (this.held >= limit && !signal.aborted) {
          await new Promise<void>((resolve) => {
            this.wakeSource = resolve;
          });
        }
        if (signal.aborted) return;
      }
    } catch (error) {
      this.fault = error;
    } finally {
      this.over = true;
      this.wakeReader();
    }
  }
}
