import { DIPHTHONGS, PRIMARY, SECONDARY, VOWELS } from './letters';

const has = (phonemes: string, set: ReadonlySet<string>) => [...phonemes].some((one) => set.has(one));
const isStressed = (phonemes: string) => phonemes.includes(PRIMARY) || phonemes.includes(SECONDARY);

/** How much of a word its phonemes are: diphthongs and affricates count twice. */
export function stressWeight(phonemes: string): number {
  return [...phonemes].reduce((sum, one) => sum + (DIPHTHONGS.has(one) ? 2 : 1), 0);
}

/**
 * Moves a word's stress: -2 takes all away, -1 weakens it, -0.5 and 0 weaken a primary one or give a secondary one where
 * there is none, 0.5 does only the latter, 1 strengthens a secondary one, 2 gives a primary one.
 */
export function restress(phonemes: string, level: number | null): string {
  if (level === null) return phonemes;
  if (level < -1) return phonemes.replaceAll(PRIMARY, '').replaceAll(SECONDARY, '');
  if (level === -1 || (level <= 0 && phonemes.includes(PRIMARY))) {
    return phonemes.replaceAll(SECONDARY, '').replaceAll(PRIMARY, SECONDARY);
  }
  if (level <= 1 && !isStressed(phonemes) && level >= 0) return stressed(phonemes, SECONDARY);
  if (level >= 1 && !phonemes.includes(PRIMARY) && phonemes.includes(SECONDARY)) {
    return phonemes.replaceAll(SECONDARY, PRIMARY);
  }
  if (level > 1 && !isStressed(phonemes)) return stressed(phonemes, PRIMARY);
  return phonemes;
}

/** The mark before the first vowel, where there is one. */
function stressed(phonemes: string, mark: string): string {
  if (!has(phonemes, VOWELS)) return phonemes;
  const at = [...phonemes].findIndex((one) => VOWELS.has(one));
  const characters = [...phonemes];
  return [...characters.slice(0, at), mark, ...characters.slice(at)].join('');
}
