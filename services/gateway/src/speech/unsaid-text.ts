/** Text, or token ids for voices that take those. */
export type SpeechInput = string | readonly number[];

export type TextStep = { kind: 'input'; input: SpeechInput } | { kind: 'flush' };

/** UTF-16 code units; three bytes each at most, so that a piece stays below what a talker takes at once. */
const MAX_PIECE = 16_384;

/**
 * The text of one utterance, as far as it has not been said: what a talker must be given that goes on with it. Offsets
 * count UTF-16 code units (or ids) from the utterance's beginning.
 */
export class UnsaidText {
  ended = false;
  /** Offset of the end of what came so far. */
  length = 0;
  private pieces: { at: number; input: SpeechInput }[] = [];
  private flushes: number[] = [];
  /** Half a character that waits for its other half. */
  private half = '';

  /** Returns the pieces to send for it now. */
  push(input: SpeechInput): SpeechInput[] {
    let rest = input;
    if (typeof input === 'string') {
      const text = this.half + input;
      this.half = endsInHalf(text) ? text.slice(-1) : '';
      rest = this.half === '' ? text : text.slice(0, -1);
    }
    const added: SpeechInput[] = [];
    while (rest.length > 0) {
      const cut = cutAt(rest);
      const piece = rest.slice(0, cut);
      added.push(piece);
      this.pieces.push({ at: this.length, input: piece });
      this.length += piece.length;
      rest = rest.slice(cut);
    }
    return added;
  }

  flush(): void {
    if (this.flushes.at(-1) !== this.length) this.flushes.push(this.length);
  }

  /** No more comes. Returns what to send for it yet: a half whose other half never came. */
  end(): SpeechInput[] {
    this.ended = true;
    const { half } = this;
    if (half === '') return [];
    this.half = '';
    this.pieces.push({ at: this.length, input: half });
    this.length += 1;
    return [half];
  }

  /** What is before `offset` will not be asked for again. */
  forget(offset: number): void {
    this.pieces = this.pieces.filter(({ at, input }) => at + input.length > offset);
    this.flushes = this.flushes.filter((at) => at > offset);
  }

  /** Everything from `offset` on, in order. */
  *from(offset: number): Generator<TextStep> {
    const flushes = this.flushes.filter((at) => at > offset);
    for (const { at, input } of this.pieces) {
      if (at + input.length <= offset) continue;
      let start = Math.max(at, offset);
      while (flushes[0] !== undefined && flushes[0] <= at + input.length) {
        const end = flushes.shift() as number;
        if (end > start) yield { kind: 'input', input: input.slice(start - at, end - at) };
        yield { kind: 'flush' };
        start = end;
      }
      if (start < at + input.length) yield { kind: 'input', input: input.slice(start - at) };
    }
  }
}

function cutAt(input: SpeechInput): number {
  if (input.length <= MAX_PIECE) return input.length;
  return typeof input === 'string' && endsInHalf(input.slice(0, MAX_PIECE)) ? MAX_PIECE - 1 : MAX_PIECE;
}

/** Whether it ends with the first half of a surrogate pair. */
function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
