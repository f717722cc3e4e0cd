/**
 * Messages of one session in the order in which they were sent, for a connection that drops: the server then says how
 * many it took, and the others are sent again. Kept up to a size; what was dropped cannot be repeated.
 */
export class SentBook {
  private kept: string[] = [];
  private size = 0;
  /** Messages before the first that is kept. */
  private dropped = 0;

  constructor(private readonly maxUnits: number) {}

  add(message: string): void {
    this.kept.push(message);
    this.size += message.length;
    while (this.size > this.maxUnits && this.kept.length > 0) {
      this.size -= this.kept.shift()?.length ?? 0;
      this.dropped++;
    }
  }

  /** What to send after the first `received`; null where some of it is no longer here. */
  after(received: number): string[] | null {
    if (received < this.dropped || received > this.dropped + this.kept.length) return null;
    return this.kept.slice(received - this.dropped);
  }
}
