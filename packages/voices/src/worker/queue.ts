/** Items from one that makes them to one that takes them; read once. */
export class Queue<Item> {
  private readonly held: Item[] = [];
  private outcome: { error: Error | null } | null = null;
  private wake: () => void = () => undefined;

  push(item: Item): void {
    this.held.push(item);
    this.wake();
  }

  end(): void {
    this.outcome ??= { error: null };
    this.wake();
  }

  /** The reader gets the error at once, whatever is held. */
  fail(error: Error): void {
    this.outcome ??= { error };
    this.wake();
  }

  async *items(): AsyncGenerator<Item> {
    for (;;) {
      if (this.outcome?.error) throw this.outcome.error;
      const item = this.held.shift();
      if (item !== undefined) yield item;
      else if (this.outcome) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
