import { classOf, LETTER, NUMBER, OTHER, SPACE } from './char-class';

/** Called with the ends of each piece, in order; the pieces cover the range without gaps. */
export type Emit = (start: number, end: number) => void;

/** Cuts `text[start, end)` in pieces; characters outside the range do not count as context. */
export type Splitter = (text: string, start: number, end: number, emit: Emit) => void;

const APOSTROPHE = 0x27;
const BLANK = 0x20;
const LF = 0x0a;
const CR = 0x0d;

/** The pattern that a splitter follows by hand, as it stands in a `tokenizer.json`. */
export const LLAMA3_PATTERN = patternWith('\\p{N}{1,3}');
export const QWEN2_PATTERN = patternWith('\\p{N}');

function patternWith(numbers: string): string {
  return `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
}

/** Every number character alone, everything between in one piece. */
export const splitDigits: Splitter = (text, start, end, emit) => {
  let from = start;
  for (let at = start; at < end; ) {
    const next = after(text, at);
    if (classAt(text, at, end) === NUMBER) {
      if (from < at) emit(from, at);
      emit(at, next);
      from = next;
    }
    at = next;
  }
  if (from < end) emit(from, end);
};

/** GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. */
export const splitGpt2: Splitter = (text, start, end, emit) => {
  for (let at = start; at < end; ) {
    const next = gpt2Piece(text, at, end);
    emit(at, next);
    at = next;
  }
};

function gpt2Piece(text: string, at: number, end: number): number {
  const contraction = contractionEnd(text, at, end, false);
  if (contraction > 0) return contraction;
  const body = text.charCodeAt(at) === BLANK ? at + 1 : at;
  const kind = classAt(text, body, end);
  if (kind !== SPACE && kind !== 0) return runEnd(text, body, end, kind);
  return spacesEnd(text, at, end);
}

/**
 * Llama 3 and Qwen 2: contractions in any case, letters with at most one other character before them,
 * numbers in groups of at most `maxDigits`, punctuation with the line ends after it, line ends, spaces.
 */
export function splitLlama3(maxDigits: number): Splitter {
  return (text, start, end, emit) => {
    for (let at = start; at < end; ) {
      const next = llama3Piece(text, at, end, maxDigits);
      emit(at, next);
      at = next;
    }
  };
}

function llama3Piece(text: string, at: number, end: number, maxDigits: number): number {
  const contraction = contractionEnd(text, at, end, true);
  if (contraction > 0) return contraction;
  const kind = classAt(text, at, end);
  if (kind === LETTER) return runEnd(text, at, end, LETTER);
  if (kind === NUMBER) return numberEnd(text, at, end, maxDigits);
  const code = text.charCodeAt(at);
  const next = after(text, at);
  if (code !== CR && code !== LF && classAt(text, next, end) === LETTER)
    return runEnd(text, next, end, LETTER);
  const body = code === BLANK ? next : at;
  if (classAt(text, body, end) === OTHER) {
    let to = runEnd(text, body, end, OTHER);
    while (to < end && isLineEnd(text.charCodeAt(to))) to++;
    return to;
  }
  const spaces = runEnd(text, at, end, SPACE);
  for (let last = spaces - 1; last >= at; last--) {
    if (isLineEnd(text.charCodeAt(last))) return last + 1;
  }
  return spacesEnd(text, at, end);
}

/** `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word that follows. */
function spacesEnd(text: string, at: number, end: number): number {
  const to = runEnd(text, at, end, SPACE);
  return to < end && to - at > 1 ? to - 1 : to;
}

/** End of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `at`, or 0. */
function contractionEnd(text: string, at: number, end: number, anyCase: boolean): number {
  if (text.charCodeAt(at) !== APOSTROPHE) return 0;
  const first = at + 1 < end ? letter(text, at + 1, anyCase) : '';
  if (first === 's' || first === 't' || first === 'm' || first === 'd') return at + 2;
  if (at + 2 >= end) return 0;
  const second = letter(text, at + 2, anyCase);
  const two = (first === 'r' || first === 'v') && second === 'e';
  return two || (first === 'l' && second === 'l') ? at + 3 : 0;
}

function letter(text: string, at: number, anyCase: boolean): string {
  const char = text[at]!;
  if (!anyCase) return char;
  // Unicode's case folding has one more s.
  return char === '\u017f' ? 's' : char.toLowerCase();
}

function numberEnd(text: string, at: number, end: number, maxDigits: number): number {
  let to = at;
  for (let count = 0; count < maxDigits && classAt(text, to, end) === NUMBER; count++) to = after(text, to);
  return to;
}

function runEnd(text: string, at: number, end: number, kind: number): number {
  let to = at;
  while (classAt(text, to, end) === kind) to = after(text, to);
  return to;
}

/** Class of the character at `at`, 0 at the end. */
function classAt(text: string, at: number, end: number): number {
  return at < end ? classOf(text.codePointAt(at)!) : 0;
}

function after(text: string, at: number): number {
  return at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
}

function isLineEnd(code: number): boolean {
  return code === LF || code === CR;
}
