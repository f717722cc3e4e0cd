/** What the split patterns distinguish: `\p{L}`, `\p{N}`, `\s`, and everything else. */
export const OTHER = 1;
export const LETTER = 2;
export const NUMBER = 3;
export const SPACE = 4;

const UNKNOWN = 0;
const LETTERS = /^\p{L}$/u;
const NUMBERS = /^\p{N}$/u;
// JavaScript's \s has U+FEFF and lacks U+0085; the reference follows Unicode's White_Space.
const SPACES = /^\p{White_Space}$/u;

/** One class per code point, filled when a code point is first seen. */
const table = new Uint8Array(0x110000);

/** Class of a code point. */
export function classOf(codePoint: number): number {
  const known = table[codePoint]!;
  return known === UNKNOWN ? classify(codePoint) : known;
}

function classify(codePoint: number): number {
  const char = String.fromCodePoint(codePoint);
  const found = LETTERS.test(char) ? LETTER : NUMBERS.test(char) ? NUMBER : SPACES.test(char) ? SPACE : OTHER;
  table[codePoint] = found;
  return found;
}
