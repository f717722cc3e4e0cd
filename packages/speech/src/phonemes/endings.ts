import { TAPPING } from './letters';

/** What a regular ending does to the phonemes of its stem, in American English. */

export function withS(stem: string): string {
  const last = stem.at(-1)!;
  if ('ptkfθ'.includes(last)) return `${stem}s`;
  return 'szʃʒʧʤ'.includes(last) ? `${stem}ᵻz` : `${stem}z`;
}

export function withEd(stem: string): string {
  const last = stem.at(-1)!;
  if ('pkfθʃsʧ'.includes(last)) return `${stem}t`;
  if (last === 'd') return `${stem}ᵻd`;
  if (last !== 't') return `${stem}d`;
  if (stem.length < 2) return `${stem}ɪd`;
  return TAPPING.has(stem.at(-2)!) ? `${stem.slice(0, -1)}ɾᵻd` : `${stem}ᵻd`;
}

export function withIng(stem: string): string {
  const taps = stem.length > 1 && stem.endsWith('t') && TAPPING.has(stem.at(-2)!);
  return taps ? `${stem.slice(0, -1)}ɾɪŋ` : `${stem}ɪŋ`;
}

type Known = (word: string) => boolean;

/** The stem of a word in -s, -'s, -es or -ies, or null. */
export function stemOfS(word: string, knows: Known): string | null {
  if (word.length < 3 || !word.endsWith('s')) return null;
  if (!word.endsWith('ss') && knows(word.slice(0, -1))) return word.slice(0, -1);
  const long = word.length > 4;
  const es = long && word.endsWith('es') && !word.endsWith('ies');
  if ((word.endsWith("'s") || es) && knows(word.slice(0, -2))) return word.slice(0, -2);
  const y = `${word.slice(0, -3)}y`;
  return long && word.endsWith('ies') && knows(y) ? y : null;
}

/** The stem of a word in -d or -ed, or null. */
export function stemOfEd(word: string, knows: Known): string | null {
  if (word.length < 4 || !word.endsWith('d')) return null;
  if (!word.endsWith('dd') && knows(word.slice(0, -1))) return word.slice(0, -1);
  const ed = word.length > 4 && word.endsWith('ed') && !word.endsWith('eed');
  return ed && knows(word.slice(0, -2)) ? word.slice(0, -2) : null;
}

/** The stem of a word in -ing, or null: with its e back, or with one of two consonants. */
export function stemOfIng(word: string, knows: Known): string | null {
  if (word.length < 5 || !word.endsWith('ing')) return null;
  const bare = word.slice(0, -3);
  if (word.length > 5 && knows(bare)) return bare;
  if (knows(`${bare}e`)) return `${bare}e`;
  const doubled = /([bcdgklmnprstvxz])\1ing$|cking$/.test(word);
  return word.length > 5 && doubled && knows(word.slice(0, -4)) ? word.slice(0, -4) : null;
}
