/**
 * Holds back text for as long as it may be the beginning of a stop text, and cuts at the one that is complete
 * first, the longest of those that end together: the same however the text arrives. Everything pushed comes out,
 * except a stop text and what follows it.
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
    let cut = this.held.length;
    let firstEnd = Number.POSITIVE_INFINITY;
    for (const stop of this.stops) {
      const at = this.held.indexOf(stop);
      const end = at + stop.length;
      if (at < 0 || end > firstEnd || (end === firstEnd && at > cut)) continue;
      firstEnd = end;
      cut = at;
      this.matched = stop;
    }
    return this.release(this.matched === null ? cut - this.beginning() : cut);
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
