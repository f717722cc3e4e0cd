import { capitalized, isLetters, PRIMARY, SECONDARY } from './letters';
import { restress } from './stress';
import type { LexiconEntry } from './tables';

/** What comes after a word: whether a vowel follows (null: a pause or nothing), and whether the next word is `to`. */
export interface Following {
  vowel: boolean | null;
  to: boolean;
}

type Entries = ReadonlyMap<string, LexiconEntry>;

/** An entry answers for its capitalized form too and the other way round, unless that has one of its own. */
export function entryOf(entries: Entries, word: string): LexiconEntry | null {
  const found = entries.get(word);
  if (found !== undefined || word.length < 2) return found ?? null;
  const lower = word.toLowerCase();
  if (word === lower) return entries.get(capitalized(word)) ?? null;
  return word === capitalized(word) ? (entries.get(lower) ?? null) : null;
}

/** Words as two lexicons have them, read for a part of speech. */
export class Lexicon {
  constructor(
    private readonly gold: Entries,
    private readonly silver: Entries,
  ) {}

  has(word: string): boolean {
    return this.hasGold(word) || entryOf(this.silver, word) !== null;
  }

  hasGold(word: string): boolean {
    return entryOf(this.gold, word) !== null;
  }

  /** The gold reading of a word that every lexicon has. */
  plain(word: string, tag = 'DEFAULT'): string {
    const entry = entryOf(this.gold, word);
    return (typeof entry === 'string' ? entry : (entry?.[tag] ?? entry?.DEFAULT)) ?? '';
  }

  /** Whether `read` has an answer: an entry, a letter, or letters to spell. */
  knows(word: string): boolean {
    if (this.has(word)) return true;
    if (!/^[A-Za-z]+$/.test(word)) return false;
    if (word.length === 1) return true;
    if (word === word.toUpperCase() && this.hasGold(word.toLowerCase())) return true;
    return word.slice(1) === word.slice(1).toUpperCase();
  }

  /** A word's phonemes for its part of speech, spelled where it has none and is all capitals. */
  read(word: string, tag: string | null, stress: number | null, following: Following | null): string | null {
    let name = false;
    let key = word;
    if (word === word.toUpperCase() && !this.hasGold(word)) {
      key = word.toLowerCase();
      name = tag === 'NNP';
    }
    const entry = entryOf(this.gold, key) ?? (name ? null : entryOf(this.silver, key));
    const phonemes = typeof entry === 'string' ? entry : entry && chosen(entry, tag, following);
    if (phonemes === null || (name && !phonemes.includes(PRIMARY))) {
      const spelled = this.spelled(key);
      if (spelled !== null) return spelled;
    }
    return phonemes === null ? null : restress(phonemes, stress);
  }

  /** Letter by letter, the last one stressed. */
  spelled(word: string): string | null {
    let phonemes = '';
    for (const letter of word) {
      if (!isLetters(letter)) continue;
      const entry = entryOf(this.gold, letter.toUpperCase());
      if (typeof entry !== 'string') return null;
      phonemes += entry;
    }
    phonemes = restress(phonemes, 0);
    const last = phonemes.lastIndexOf(SECONDARY);
    return last < 0 ? phonemes : phonemes.slice(0, last) + PRIMARY + phonemes.slice(last + 1);
  }
}

function chosen(
  entry: Readonly<Record<string, string | null>>,
  tag: string | null,
  following: Following | null,
): string | null {
  if (following?.vowel === null && 'None' in entry) return entry.None ?? null;
  const exact = tag !== null && Object.hasOwn(entry, tag) ? tag : tag && wordClass(tag);
  return (exact && Object.hasOwn(entry, exact) ? entry[exact] : entry.DEFAULT) ?? null;
}

/** The class that lexicons know a tag by. */
export function wordClass(tag: string): string {
  if (tag.startsWith('VB')) return 'VERB';
  if (tag.startsWith('NN')) return 'NOUN';
  if (tag.startsWith('ADV') || tag.startsWith('RB')) return 'ADV';
  if (tag.startsWith('ADJ') || tag.startsWith('JJ')) return 'ADJ';
  return tag;
}
