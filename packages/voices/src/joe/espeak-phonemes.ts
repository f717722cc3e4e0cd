/**
 * From the phonemes of the English tables to those that eSpeak NG gives for American English, which Piper's voices were
 * taught; both put the stress before the vowel. Longest first.
 */
const RULES: readonly (readonly [string, string])[] = [
  ['ɑɹ', 'ɑːɹ'],
  ['ɔɹ', 'oːɹ'],
  ['ɜɹ', 'ɜː'],
  ['əɹ', 'ɚ'],
  ['ᵊɹ', 'ɚ'],
  ['A', 'eɪ'],
  ['I', 'aɪ'],
  ['O', 'oʊ'],
  ['Q', 'oʊ'],
  ['W', 'aʊ'],
  ['Y', 'ɔɪ'],
  ['T', 'ɾ'],
  ['ʤ', 'dʒ'],
  ['ʧ', 'tʃ'],
  ['ᵊ', 'ə'],
  ['ɑ', 'ɑː'],
  ['ɔ', 'ɔː'],
  ['u', 'uː'],
  ['ʔ', 't'],
  ['—', ' — '],
  ['…', '...'],
  ['“', ''],
  ['”', ''],
  ['"', ''],
];
const BY_START = new Map(RULES);
const PATTERN = new RegExp([...BY_START.keys()].join('|'), 'g');

export function espeakPhonemes(phonemes: string): string {
  return (
    phonemes
      // A stressed i is long, one at a word's end is not.
      .replace(/(?<=[ˈˌ])i/g, 'iː')
      .replace(/i(?![ː\s,.;:!?—…]|$)/g, 'iː')
      .replace(PATTERN, (found) => BY_START.get(found)!)
      .replace(/\s*—\s*/g, ', ')
      .replace(/ {2,}/g, ' ')
      .trim()
  );
}
