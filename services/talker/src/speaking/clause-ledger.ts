import type { SpokenClause } from '@zen/speech';

/** A clause, or a part of one, with its place in text and audio. */
export interface Entry {
  index: number;
  textStart: number;
  textEnd: number;
  firstSample: number;
  samples: number;
}

/**
 * Gives each part that an engine makes its place. Parts tile the text and the samples: the first part of a clause has
 * its text, those that follow have none, so that who goes on after a part never says anything twice.
 */
export class ClauseLedger {
  samples = 0;
  textEnd = 0;
  private clauses = 0;
  private open: { textStart: number; textEnd: number } | null = null;

  /** Throws where an engine leaves a gap or says something twice. */
  enter({ textStart, textEnd, samples, isLast }: SpokenClause): Entry {
    const { open } = this;
    const follows = open
      ? textStart === open.textStart && textEnd === open.textEnd
      : textStart === this.textEnd && textEnd >= textStart;
    if (!follows) {
      const after = open ? `inside ${open.textStart} to ${open.textEnd}` : `after ${this.textEnd}`;
      throw new Error(`the voice made ${textStart} to ${textEnd} ${after}`);
    }
    const entry = {
      index: this.clauses,
      textStart: open ? textEnd : textStart,
      textEnd,
      firstSample: this.samples,
      samples: samples.length,
    };
    this.open = isLast ? null : { textStart, textEnd };
    this.clauses += 1;
    this.samples += samples.length;
    this.textEnd = textEnd;
    return entry;
  }
}
