import { isAbbreviation } from './abbreviations';

/** A stretch of the text that is said in one go, [start, end) in UTF-16 code units; stretches follow without a gap. */
export interface Clause {
  index: number;
  start: number;
  end: number;
  text: string;
  /** It is of a block of code. */
  isCode: boolean;
}

/** Longest clause, in UTF-16 code units: what is longer is cut wherever it can be. */
export const MAX_CLAUSE = 300;
/** A clause mark ends the first clause from here on, so that the first sound is early: characters and words before it. */
const FIRST = { characters: 12, words: 3 };
/** The same for a word such as `and`, before it. */
const FIRST_WITHOUT_MARK = 40;
/** A clause mark ends a later clause from this length on: whole sentences sound best. */
const LATER = 110;

const SENTENCE_END = /[.!?…]+["'”’)\]*_`]*(?=\s)|[。！？]+/g;
const CLAUSE_MARK = /[,;:]["'”’)\]*_]*(?=\s)|—|\s[-–](?=\s)/g;
const CONJUNCTION =
  /\s(?=(?:and|but|or|because|which|who|so|when|while|where|that|if|although|with|before|after|until)\s)/g;
const NEW_LINE = /\n/g;

/**
 * Cuts text into clauses while it arrives, in pieces cut anywhere between characters. A clause ends at a sentence's end
 * or a line's, or at a comma where waiting for more would make the first sound late or the clause too long; never inside
 * a number, an abbreviation, an address or `code`. A cut is made once the character after it shows that it is one.
 */
export class ClauseSplitter {
  private buffer = '';
  private start = 0;
  private index = 0;
  private inFence = false;
  private readonly ready: Clause[] = [];

  push(text: string): void {
    this.buffer += text;
    for (let length = this.nextCut(); length !== null; length = this.nextCut()) this.cut(length);
  }

  /** Ends a clause here. */
  flush(): void {
    if (this.buffer.length > 0) this.cut(this.buffer.length);
  }

  /** The next clause that is whole, or null. */
  take(): Clause | null {
    return this.ready.shift() ?? null;
  }

  private cut(length: number): void {
    const { start, index } = this;
    const text = this.buffer.slice(0, length);
    // What opens or closes a block begins a clause.
    const fence = isFence(text);
    this.ready.push({ index, start, end: start + length, text, isCode: fence || this.inFence });
    if (fence) this.inFence = !this.inFence;
    this.buffer = this.buffer.slice(length);
    this.start += length;
    this.index += 1;
  }

  /** Length of the clause at the buffer's beginning, or null while it may go on. */
  private nextCut(): number | null {
    const head = this.buffer.slice(0, MAX_CLAUSE + 1);
    // A clause has something in it: spaces at the beginning wait for it.
    if (head.trim() === '') return head.length > MAX_CLAUSE ? MAX_CLAUSE : null;
    const isCode = this.inFence || isFence(head);
    const ends = isCode
      ? [this.lineEnd(head)]
      : [this.sentenceEnd(head), this.lineEnd(head), this.markEnd(head)];
    const found = ends.filter((at) => at !== null);
    if (found.length > 0) return Math.min(...found);
    return head.length > MAX_CLAUSE ? lastResort(head) : null;
  }

  private sentenceEnd(head: string): number | null {
    for (const found of head.matchAll(SENTENCE_END)) {
      const end = found.index + found[0].length;
      if (isInside(head, end)) continue;
      const next = nextWord(head, end);
      if (next === null) return null;
      const before = head.slice(0, found.index + 1);
      // After dots, and after what somebody said, a small letter goes on.
      const open = /^[.…]+["'”’)\]*_`]*$|["”’]/.test(found[0]);
      if (open && /^["'“‘(*_]*\p{Ll}/u.test(next.text)) continue;
      if (found[0][0] === '.' && !found[0].startsWith('..')) {
        if (/(?:^|\n)\s*(?:\d{1,3}|[A-Za-z])\.$/.test(before)) continue;
        if (isAbbreviation(before, next.text[0]!)) continue;
      }
      return next.at;
    }
    return null;
  }

  /** A line's end is a clause's, but where text was only wrapped there. */
  private lineEnd(head: string): number | null {
    for (const found of head.matchAll(NEW_LINE)) {
      const line = head.slice(0, found.index);
      if (line.trim() === '') continue;
      const next = nextWord(head, found.index);
      if (next === null) return null;
      const wrapped = /^\p{Ll}/u.test(next.text) && !/\n\s*\n/.test(head.slice(found.index, next.at));
      if (!wrapped || this.inFence || isFence(line)) return next.at;
    }
    return null;
  }

  private markEnd(head: string): number | null {
    const first = this.index === 0;
    for (const found of head.matchAll(CLAUSE_MARK)) {
      const end = found.index + found[0].length;
      const enough = first
        ? end >= FIRST.characters && head.slice(0, end).trim().split(/\s+/).length >= FIRST.words
        : end >= LATER;
      if (!enough || isInside(head, end)) continue;
      const next = nextWord(head, end);
      if (next === null) return null;
      // March 3, 2024
      if (/\d,$/.test(head.slice(0, end)) && /^\d/.test(next.text)) continue;
      return next.at;
    }
    if (!first) return null;
    for (const found of head.matchAll(CONJUNCTION)) {
      const end = found.index + 1;
      if (end >= FIRST_WITHOUT_MARK && !isInside(head, end)) return end;
    }
    return null;
  }
}

/** The first character after spaces, and what is known from it on; null where it has not come yet. */
function nextWord(head: string, from: number): { at: number; text: string } | null {
  const spaces = /^\s*/.exec(head.slice(from))![0].length;
  const at = from + spaces;
  return at < head.length ? { at, text: head.slice(at) } : null;
}

/** Whether a place is inside `code` or the two halves of a [link](…) that began before it in the same line. */
function isInside(head: string, at: number): boolean {
  const line = head.slice(head.lastIndexOf('\n', at - 1) + 1, at);
  if ((line.match(/`/g)?.length ?? 0) % 2 === 1) return true;
  return /\[[^\]]*$/.test(line) || /\]\([^)]*$/.test(line);
}

const isFence = (line: string) => /^\s*(?:```|~~~)/.test(line);

/** Where a text without an end is cut: after a mark, after a space outside of code, or just there. */
function lastResort(head: string): number {
  const places = [...head.matchAll(/[,;:.!?—][^\s\p{L}\p{N}]*\s+|\s+/gu)].map((found) => ({
    end: found.index + found[0].length,
    isMark: !/^\s/.test(found[0]),
  }));
  const fitting = places.filter(
    ({ end }) => end > 0 && end <= MAX_CLAUSE && head.slice(0, end).trim() !== '',
  );
  const free = fitting.filter(({ end }) => !isInside(head, end));
  const mark = free.findLast(({ end, isMark }) => isMark && end >= MAX_CLAUSE / 4);
  const place = mark ?? free.at(-1) ?? fitting.at(-1);
  if (place) return place.end;
  // Not between the halves of a character.
  return /[\uD800-\uDBFF]/.test(head[MAX_CLAUSE - 1]!) ? MAX_CLAUSE - 1 : MAX_CLAUSE;
}
