import { isDigits, isLetters, isLower, isUpper } from './letters';
import type { TaggerTables } from './tables';

/**
 * Parts of speech by an averaged perceptron: each feature of a word (its ending, its shape, its neighbours, the tags
 * before) votes for tags with the weights it was taught.
 */
export class Tagger {
  constructor(private readonly tables: TaggerTables) {}

  tags(words: readonly string[]): string[] {
    const normal = words.map((word) => this.normal(word));
    const tags: string[] = [];
    words.forEach((word, at) => {
      tags.push(this.tables.tagdict.get(word) ?? this.voted(features(word, at, normal, tags)));
    });
    return tags;
  }

  private normal(word: string): string {
    const normal = generalized(word);
    return this.tables.vocabulary.has(normal) ? normal : `<${shape(word)}>`;
  }

  /** The tag with most votes; of equals the last in the alphabet. */
  private voted(names: readonly string[]): string {
    const scores = new Map<string, number>();
    for (const name of names) {
      const weights = this.tables.weights.get(name);
      for (const tag in weights) scores.set(tag, (scores.get(tag) ?? 0) + weights[tag]!);
    }
    if (scores.size === 0) return 'NN';
    let [best, most] = ['', -Infinity];
    for (const tag of this.tables.tags) {
      const score = scores.get(tag) ?? 0;
      if (score > most || (score === most && tag > best)) [best, most] = [tag, score];
    }
    return best;
  }
}

function features(word: string, at: number, normal: readonly string[], tags: readonly string[]): string[] {
  const near = (offset: number) => {
    const place = at + offset;
    if (place < 0) return place === -1 ? '-START-' : '-START2-';
    if (place >= normal.length) return place === normal.length ? '-END-' : '-END2-';
    return normal[place]!;
  };
  const last = tags[at - 1] ?? '-START-';
  const before = at >= 2 ? tags[at - 2]! : at === 1 ? '-START-' : '-START2-';
  return [
    'b',
    `s3=${ending(word)}`,
    `p1=${[...word][0]}`,
    `w=${near(0)}`,
    `sh=${shape(word)}`,
    at === 0 ? 'i0' : 'i+',
    `t-1=${last}`,
    `t-2=${before}`,
    `t-12=${last},${before}`,
    `w-1=${near(-1)}`,
    `s3-1=${ending(near(-1))}`,
    `w-2=${near(-2)}`,
    `w+1=${near(1)}`,
    `s3+1=${ending(near(1))}`,
    `w+2=${near(2)}`,
  ];
}

const ending = (word: string) => [...word].slice(-3).join('');

function generalized(word: string): string {
  if (word.includes('-') && !word.startsWith('-')) return '!HYPHEN';
  if (/^\p{Nd}{4}$/u.test(word)) return '!YEAR';
  if (/^\p{Nd}/u.test(word)) return '!DIGITS';
  return word.toLowerCase();
}

function shape(word: string): string {
  if (isLetters(word)) {
    if (isLower(word)) return 'x';
    if (isUpper(word)) return [...word].length > 1 ? 'XX' : 'X1';
    const [first = '', ...rest] = word;
    return isUpper(first) && isLower(rest.join('')) ? 'Xx' : 'xX';
  }
  if (isDigits(word)) return 'd';
  return [...word]
    .slice(0, 4)
    .map((one) => (/\p{Nd}/u.test(one) ? 'd' : isLetters(one) ? 'x' : one))
    .join('');
}
