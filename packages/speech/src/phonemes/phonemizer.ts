import { CONSONANTS, isDigits, isLetters, MARKS, PAUSES, PRIMARY, VOWELS } from './letters';
import { type Following, Lexicon } from './lexicon';
import { restress, stressWeight } from './stress';
import type { EnglishTables, UnknownWord } from './tables';
import { Tagger } from './tagger';
import { merged, type Token } from './token';
import { WordTokenizer } from './tokenizer';
import { WordReader } from './word-reader';

const UPPER = 'A-ZÀ-ÖØ-Þ';
const LOWER = 'a-zß-öø-ÿ';
/** Where a word is cut inside: quotes, changes of case, runs of digits, hyphens and underscores. */
const INSIDE = new RegExp(
  [
    "^['‘’]+",
    `[${UPPER}](?=[${UPPER}][${LOWER}])`,
    '\\d+',
    '[-_]+',
    "['‘’]{2,}",
    `\\p{L}*?(?:['‘’]\\p{L})*?[${LOWER}](?=[${UPPER}])`,
    "\\p{L}+(?:['‘’]\\p{L})*",
    "[^\\p{L}\\p{N}_\\-'‘’]",
    "['‘’]+$",
  ].join('|'),
  'gu',
);
const SILENT = new Set("',-._‘’/");
const MARK_TAGS = new Set(['.', ',', '-LRB-', '-RRB-', '``', '""', "''", ':', '$', '#', 'NFP']);
const TAG_MARKS: Readonly<Record<string, string>> = {
  '-LRB-': '(',
  '-RRB-': ')',
  '``': '“',
  '""': '”',
  "''": '”',
};
/** Most pieces that are tried as one word: the tries grow with the square of it. */
const MAX_PIECES = 24;

const isSilent = (text: string) => [...text].every((one) => SILENT.has(one));

/**
 * English words to phonemes, for text that `speakable` has made words of. The alphabet is that of the tables' lexicons;
 * marks that are heard as pauses stay where they are.
 */
export class Phonemizer {
  private readonly tokenizer: WordTokenizer;
  private readonly tagger: Tagger;
  private readonly reader: WordReader;

  constructor(
    tables: EnglishTables,
    private readonly unknownWord: UnknownWord,
  ) {
    this.tokenizer = new WordTokenizer(tables.contractions);
    this.tagger = new Tagger(tables.tagger);
    this.reader = new WordReader(new Lexicon(tables.gold, tables.silver));
  }

  async phonemes(text: string): Promise<string> {
    const words = grouped(this.tagged(text));
    // From the end: how a word sounds depends on what follows it.
    let following: Following = { vowel: null, to: false };
    for (const word of words.toReversed()) following = await this.readWord(word, following);
    return words
      .map((word) => (word.length === 1 ? word[0]! : merged(word)))
      .map(({ phonemes, spaced }) => (phonemes ?? '') + (spaced ? ' ' : ''))
      .join('')
      .replaceAll('ɾ', 'T')
      .replaceAll('ʔ', 't')
      .trim();
  }

  private tagged(text: string): Token[] {
    const pieces = this.tokenizer.pieces(text);
    const tags = this.tagger.tags(pieces.map((piece) => piece.text));
    return pieces.map((piece, at) => ({ ...piece, tag: tags[at]!, phonemes: null, apart: false }));
  }

  private async readWord(word: Token[], following: Following): Promise<Following> {
    if (word.length === 1) {
      const token = word[0]!;
      token.phonemes ??= this.reader.read(token, following) ?? (await this.unknown(token.text));
      return followingOf(following, token.phonemes, token);
    }
    return this.readPieces(word, following);
  }

  /** Reads the longest known end of the pieces, then what is before it; where a piece is unknown, all is. */
  private async readPieces(word: Token[], before: Following): Promise<Following> {
    let following = before;
    let [left, right] = [0, word.length];
    while (left < right) {
      const whole = merged(word.slice(left, right));
      const phonemes = this.reader.read(whole, following);
      if (phonemes !== null) {
        word[left]!.phonemes = phonemes;
        for (const token of word.slice(left + 1, right)) token.phonemes = '';
        following = followingOf(following, phonemes, whole);
        [left, right] = [0, left];
      } else if (left + 1 < right) left += 1;
      else if (isSilent(word[right - 1]!.text)) {
        right -= 1;
        word[right]!.phonemes = '';
        left = 0;
      } else {
        word[0]!.phonemes = await this.unknown(merged(word).text);
        for (const token of word.slice(1)) token.phonemes = '';
        return following;
      }
    }
    evenStress(word);
    return following;
  }

  private async unknown(text: string): Promise<string> {
    const read: string[] = [];
    for (const [piece] of text.matchAll(/\p{L}+(?:['’]\p{L}+)*/gu)) {
      const phonemes = await this.unknownWord(piece);
      if (phonemes) read.push(phonemes);
    }
    return read.join(' ');
  }
}

/** Words, each a list of pieces without a space between; marks stand alone and are read. */
function grouped(tokens: readonly Token[]): Token[][] {
  const words: Token[][] = [];
  let open = false;
  for (const token of tokens) {
    const texts = token.text.match(INSIDE) ?? [token.text];
    texts.forEach((text, at) => {
      const last = at === texts.length - 1;
      const piece = { ...token, text, spaced: last && token.spaced, phonemes: markOf(token.tag, text) };
      if (piece.phonemes !== null) {
        words.push([piece]);
        open = false;
      } else if (open && words.at(-1)!.length < MAX_PIECES) {
        words.at(-1)!.push(piece);
        open = !piece.spaced;
      } else {
        words.push([piece]);
        open = !piece.spaced;
      }
    });
  }
  return words;
}

function markOf(tag: string, text: string): string | null {
  if (tag === ':' && (text === '-' || text === '–')) return '—';
  if (!MARK_TAGS.has(tag) || /^[A-Za-z]+$/.test(text)) return null;
  return TAG_MARKS[tag] ?? [...text].filter((one) => MARKS.has(one)).join('');
}

function followingOf(before: Following, phonemes: string, { text, tag }: Token): Following {
  const to = text === 'to' || text === 'To' || (text === 'TO' && (tag === 'TO' || tag === 'IN'));
  const first = [...phonemes].find((one) => VOWELS.has(one) || CONSONANTS.has(one) || PAUSES.has(one));
  if (first === undefined) return { vowel: before.vowel, to };
  return { vowel: PAUSES.has(first) ? null : VOWELS.has(first), to };
}

/** One word of several pieces has its main stress on about half of them. */
function evenStress(word: Token[]): void {
  const { text } = merged(word);
  const kinds = new Set(
    [...text].filter((one) => !SILENT.has(one)).map((one) => (isLetters(one) ? 0 : isDigits(one) ? 1 : 2)),
  );
  const apart = text.includes(' ') || text.includes('/') || kinds.size > 1;
  word.forEach((token, at) => {
    if (at > 0) token.apart = apart;
  });
  if (apart) return;
  const spoken = word.filter((token) => token.phonemes);
  if (spoken.length === 2 && spoken[0]!.text.length === 1) {
    weaken(spoken[1]!);
    return;
  }
  const strong = spoken.filter((token) => token.phonemes!.includes(PRIMARY)).length;
  if (spoken.length < 2 || strong <= Math.floor((spoken.length + 1) / 2)) return;
  const weakest = spoken
    .map((token) => ({
      token,
      main: Number(token.phonemes!.includes(PRIMARY)),
      weight: stressWeight(token.phonemes!),
    }))
    .sort((a, b) => a.main - b.main || a.weight - b.weight);
  for (const { token } of weakest.slice(0, Math.floor(spoken.length / 2))) weaken(token);
}

function weaken(token: Token): void {
  token.phonemes = restress(token.phonemes!, -0.5);
}
