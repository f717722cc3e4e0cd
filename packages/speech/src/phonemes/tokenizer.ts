/**
 * Cuts text into words and marks the way the tagger was taught: chunks between spaces lose marks at both ends, then are
 * cut at hyphens, slashes and the like inside; contractions have cuts of their own. Numbers are words by now.
 */
const LOWER = 'a-zß-öø-ÿ';
const UPPER = 'A-ZÀ-ÖØ-Þ';
const QUOTES = `'"”“\`‘´’‚,„»«「」『』（）〔〕【】《》〈〉`;
const SIGNS = '…,:;!?¿¡()[]{}<>_#*&。？！，、；：～·';
const ICONS = '™®©°§¶†‡•';
const escaped = (text: string) => text.replace(/[\\\]^\-[]/g, '\\$&');
const ENDS = `[${escaped(SIGNS + QUOTES + ICONS)}]`;

const PREFIX = new RegExp(`^(?:[§%=—–+]|\\.\\.+|${ENDS})`, 'u');
const SUFFIX = new RegExp(
  `(?:\\.\\.+|……|['’][sS]|[—–]|${ENDS}|(?<=[0-9${LOWER}%²\\-+${escaped(SIGNS + QUOTES)}])\\.|(?<=[${UPPER}]{2})\\.)$`,
  'u',
);
const INFIX = new RegExp(
  [
    '\\.\\.+|…',
    `[${ICONS}]`,
    `(?<=[${LOWER}${escaped(QUOTES)}])\\.(?=[${UPPER}${escaped(QUOTES)}])`,
    '(?<=\\p{L}),(?=\\p{L})',
    '(?<=[\\p{L}\\p{N}])(?:-|–|—|--|---|——|~)(?=\\p{L})',
    '(?<=[\\p{L}\\p{N}])[:<>=/](?=\\p{L})',
  ].join('|'),
  'gu',
);

export interface Piece {
  text: string;
  spaced: boolean;
}

export class WordTokenizer {
  constructor(private readonly contractions: ReadonlyMap<string, readonly string[]>) {}

  pieces(text: string): Piece[] {
    const out: Piece[] = [];
    for (const chunk of text.matchAll(/\S+/g)) {
      const cut = this.cut(chunk[0]);
      const spaced = chunk.index + chunk[0].length < text.length;
      cut.forEach((piece, at) => {
        out.push({ text: piece, spaced: spaced && at === cut.length - 1 });
      });
    }
    return out;
  }

  private cut(chunk: string): readonly string[] {
    const known = this.contractions.get(chunk);
    if (known) return known;
    const before: string[] = [];
    const after: string[] = [];
    let rest = chunk;
    let length = -1;
    while (rest && rest.length !== length && !this.contractions.has(rest)) {
      length = rest.length;
      const prefix = PREFIX.exec(rest)?.[0] ?? '';
      const unprefixed = rest.slice(prefix.length);
      if (prefix && this.contractions.has(unprefixed)) {
        before.push(prefix);
        rest = unprefixed;
        break;
      }
      const suffix = SUFFIX.exec(unprefixed)?.[0] ?? '';
      const unsuffixed = suffix ? rest.slice(0, -suffix.length) : rest;
      if (suffix && this.contractions.has(unsuffixed)) {
        after.push(suffix);
        rest = unsuffixed;
        break;
      }
      if (prefix) before.push(prefix);
      if (suffix) after.push(suffix);
      rest = rest.slice(prefix.length, suffix ? -suffix.length : undefined);
    }
    const middle = rest ? (this.contractions.get(rest) ?? inside(rest)) : [];
    return this.rejoined([...before, ...middle, ...after.reverse()]);
  }

  /** Neighbours that together are a contraction: `Sept` and `.`. */
  private rejoined(pieces: readonly string[]): readonly string[] {
    const out: string[] = [];
    for (let at = 0; at < pieces.length; ) {
      const count = [3, 2].find(
        (size) => at + size <= pieces.length && this.contractions.has(pieces.slice(at, at + size).join('')),
      );
      if (count) out.push(...this.contractions.get(pieces.slice(at, at + count).join(''))!);
      else out.push(pieces[at]!);
      at += count ?? 1;
    }
    return out;
  }
}

function inside(text: string): string[] {
  const out: string[] = [];
  let start = 0;
  for (const found of text.matchAll(INFIX)) {
    if (found.index === 0) continue;
    if (found.index > start) out.push(text.slice(start, found.index));
    out.push(found[0]);
    start = found.index + found[0].length;
  }
  if (start < text.length) out.push(text.slice(start));
  return out;
}
