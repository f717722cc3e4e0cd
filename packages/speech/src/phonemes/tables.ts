/** A word's phonemes, or those of each part of speech (`DEFAULT` at least; `None`: at the end of a clause). */
export type LexiconEntry = string | Readonly<Record<string, string | null>>;

/** What the tagger was taught. */
export interface TaggerTables {
  tags: readonly string[];
  /** Words that always have one tag. */
  tagdict: ReadonlyMap<string, string>;
  /** Words that features may name; others stand for their shape. */
  vocabulary: ReadonlySet<string>;
  /** By feature: what it says for each tag. */
  weights: ReadonlyMap<string, Readonly<Record<string, number>>>;
}

/** Everything that English pronunciation needs to know; it comes with a voice. */
export interface EnglishTables {
  /** Checked by people; asked first. */
  gold: ReadonlyMap<string, LexiconEntry>;
  silver: ReadonlyMap<string, LexiconEntry>;
  tagger: TaggerTables;
  /** Chunks between spaces that are cut in a way of their own: `don't` is `do` and `n't`. */
  contractions: ReadonlyMap<string, readonly string[]>;
}

/** Reads a word that no lexicon has; null where it cannot. */
export type UnknownWord = (word: string) => Promise<string | null>;
