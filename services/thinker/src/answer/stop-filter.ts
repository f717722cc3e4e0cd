/**
 * Holds back text for as long as it may be the beginning of a stop text, and cuts at the first one. Everything
 * pushed comes out, except a stop text and what follows it.
 */
export class StopFilter {
  private held = '';
  /** The stop text that was found. */
  matched: string | null = null;

  constructor(private readonly stops: readonly string[]) {}

  /** Text that cannot be part of a stop text any more. */
  push(text: string): string {
    if (this.matched !== null) return '';
    if (this.stops.length === 0) return text;
    this.held += text;
    let first = -1;
    for (const stop of this.stops) {
      const at = this.held.indexOf(stop);
      if (at < 0 || (first >= 0 && at >= first)) continue;
      first = at;
      this.matched = stop;
    }
    return this.release(first >= 0 ? first : this.held.length - this.beginning());
  }

  /** What is left at the end of the answer. */
  finish(): string {
    return this.matched === null ? this.release(this.held.length) : '';
  }

  private release(length: number): string {
    const text = this.held.slice(0, length);
    this.held = this.held.slice(length);
    return text;
  }

  /** Length of the longest end of the held text that begins a stop text. */
  private beginning(): number {
    let longest = 0;
    for (const stop of this.stops) {
      const most = Math.min(stop.length - 1, this.held.length);
      for (let length = most; length > longest; length--) {
        if (this.held.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
