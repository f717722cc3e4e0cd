import type { SpokenClause } from '@zen/speech';

/** A clause, or a part of one, with its place in text and audio. */
export interface Entry {
  index: number;
  textStart: number;
  textEnd: number;
  /** Where the whole clause ends in the text. */
  clauseEnd: number;
  firstSample: number;
  samples: number;
}

/** Where the last word ends that ends at or before `at`; `from` where none does. */
export type WordEnd = (from: number, at: number) => number;

/**
 * Gives each part that an engine makes its place. Parts tile the text and the samples: inside a clause they end at
 * words, where the engine's estimate says.
 */
export class ClauseLedger {
  samples = 0;
  textEnd = 0;
  private parts = 0;
  private open: { textStart: number; textEnd: number } | null = null;

  constructor(private readonly wordEnd: WordEnd) {}

  /** Throws where an engine leaves a gap or says something twice. */
  enter({ textStart, textEnd, samples, isLast, share = 0 }: SpokenClause): Entry {
    const { open } = this;
    const follows = open
      ? textStart === open.textStart && textEnd === open.textEnd
      : textStart === this.textEnd && textEnd >= textStart;
    if (!follows) {
      const after = open ? `inside ${open.textStart} to ${open.textEnd}` : `after ${this.textEnd}`;
      throw new Error(`the voice made ${textStart} to ${textEnd} ${after}`);
    }
    const at = textStart + Math.floor(Math.min(1, share) * (textEnd - textStart));
    const entry = {
      index: this.parts,
      textStart: this.textEnd,
      textEnd: isLast ? textEnd : this.wordEnd(this.textEnd, at),
      clauseEnd: textEnd,
      firstSample: this.samples,
      samples: samples.length,
    };
    this.open = isLast ? null : { textStart, textEnd };
    this.parts += 1;
    this.samples += samples.length;
    this.textEnd = entry.textEnd;
    return entry;
  }
}
