/** Tokens of a sequence that are remembered, a power of two: 12 bytes each. */
const WINDOW = 16_384;
/** Earlier places that are looked at for a longer match. */
const CANDIDATES = 32;
/** Matches are not measured beyond this. */
export const LONGEST_MATCH = 32;
/** After a token that differs, the copied text goes on within this many tokens of where it stopped. */
const RESUME_WITHIN = 16;

/**
 * Guesses the next tokens of a sequence by what followed the same tokens before, in its prompt or its output. Like a
 * Lempel-Ziv compressor: the last two tokens are hashed to a chain of earlier places, of which the longest match wins,
 * the latest of equals. Memory is bounded: it grows with the sequence up to a window of 16,384 tokens.
 */
export class PromptLookup {
  private tokens: Int32Array;
  /** Earlier place with the same hash, by place. */
  private earlier: Int32Array;
  /** Latest place after a pair of tokens, by hash; -1 for none. */
  private heads: Int32Array;
  private mask: number;
  private length = 0;
  /** Place whose token comes next if history repeats itself; -1 for none. */
  private source = -1;
  private match = 0;
  /** Where copied text stopped being right, -1 for nowhere: it may go on near there. */
  private stopped = -1;

  constructor(expectedTokens = 256) {
    const size = Math.min(WINDOW, 2 ** Math.ceil(Math.log2(Math.max(64, expectedTokens))));
    this.tokens = new Int32Array(size);
    this.earlier = new Int32Array(size);
    this.heads = new Int32Array(size).fill(-1);
    this.mask = size - 1;
  }

  /** Tokens that the guess follows from; 0 where there is none. */
  get matched(): number {
    return this.source < 0 ? 0 : this.match;
  }

  /** The guessed next token, -1 for none. */
  get next(): number {
    return this.source < 0 ? -1 : this.at(this.source);
  }

  /** Remembers tokens without guessing after each: a prompt. */
  fill(tokens: Iterable<number>): void {
    for (const token of tokens) this.append(token);
    this.find();
  }

  /** Appends a sampled token, and guesses what follows it. */
  push(token: number): void {
    const last = this.source;
    const right = last >= 0 && this.next === token;
    this.append(token);
    if (right) {
      this.source = last + 1;
      this.match = Math.min(LONGEST_MATCH, this.match + 1);
      if (!this.remembered(this.source)) this.source = -1;
    } else {
      if (last >= 0) this.stopped = last;
      this.source = -1;
      this.match = 0;
    }
    // A short match may have a longer one elsewhere.
    if (this.matched < 8) this.find();
    if (this.source < 0 && this.stopped >= 0) this.resume(token);
  }

  /** Up to `count` guesses; what they copy may reach into themselves. */
  guess(count: number): Int32Array {
    if (this.source < 0) return new Int32Array(0);
    const guesses = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const place = this.source + i;
      guesses[i] = place < this.length ? this.at(place) : (guesses[place - this.length] as number);
    }
    return guesses;
  }

  private append(token: number): void {
    if (this.length > this.mask && this.mask + 1 < WINDOW) this.grow();
    const place = this.length++;
    this.tokens[place & this.mask] = token;
    if (place === 0) return;
    const hash = this.hash(place + 1);
    this.earlier[place & this.mask] = this.heads[hash] as number;
    this.heads[hash] = place;
  }

  private grow(): void {
    const kept = Array.from({ length: this.length }, (_, i) => this.at(i));
    const { source, match, stopped } = this;
    Object.assign(this, new PromptLookup(2 * this.length));
    for (const token of kept) this.append(token);
    Object.assign(this, { source, match, stopped });
  }

  /** Looks for the longest earlier match of what the sequence ends with. */
  private find(): void {
    if (this.length < 2) return;
    let place = this.earlier[(this.length - 1) & this.mask] as number;
    for (let i = 0; i < CANDIDATES && this.remembered(place - 1); i++) {
      const length = this.matchAt(place);
      if (length >= 2 && length > this.matched) {
        this.source = place + 1;
        this.match = length;
      }
      const before = this.earlier[place & this.mask] as number;
      // Overwritten by a later round of the ring: not an earlier place any more.
      if (before >= place) break;
      place = before;
    }
  }

  /** How many tokens up to `place` equal those that the sequence ends with. */
  private matchAt(place: number): number {
    let length = 0;
    while (
      length < LONGEST_MATCH &&
      this.remembered(place - length) &&
      this.at(place - length) === this.at(this.length - 1 - length)
    ) {
      length++;
    }
    return length;
  }

  private resume(token: number): void {
    const end = Math.min(this.stopped + RESUME_WITHIN, this.length - 1);
    for (let place = this.stopped; place < end; place++) {
      if (!this.remembered(place) || this.at(place) !== token) continue;
      this.source = place + 1;
      this.match = 1;
      return;
    }
  }

  private remembered(place: number): boolean {
    return place >= 0 && place >= this.length - this.mask - 1;
  }

  private at(place: number): number {
    return this.tokens[place & this.mask] as number;
  }

  /** Of the two tokens before `end`. */
  private hash(end: number): number {
    const pair = Math.imul(this.at(end - 2), 0x9e3779b1) ^ Math.imul(this.at(end - 1), 0x85ebca6b);
    return (pair ^ (pair >>> 15)) & this.mask;
  }
}
