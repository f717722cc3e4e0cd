import { BpeMerger } from './bpe';
import { BYTE_CHARS } from './byte-level';
import type { IdBuffer } from './id-buffer';
import type { ParsedTokenizer } from './tokenizer-json';

/** Words up to this many characters are remembered; longer ones hardly repeat. */
const CACHED_CHARS = 48;
const CACHED_WORDS = 32_768;

/** Turns one word (a piece of text after splitting) into token ids. */
export class WordEncoder {
  private readonly merger: BpeMerger;
  private readonly cache = new Map<string, Int32Array>();
  private readonly utf8 = new TextEncoder();
  private bytes = new Uint8Array(256);
  private ids = new Int32Array(256);

  constructor(private readonly parsed: Pick<ParsedTokenizer, 'byteIds' | 'merges' | 'wholeWords'>) {
    this.merger = new BpeMerger(parsed.merges);
  }

  encode(word: string, into: IdBuffer): void {
    const known = this.cache.get(word);
    if (known) {
      into.push(known);
      return;
    }
    const ids = this.compute(word);
    into.push(ids);
    if (word.length > CACHED_CHARS) return;
    if (this.cache.size >= CACHED_WORDS) this.cache.clear();
    this.cache.set(word, ids.slice());
  }

  /** The result is overwritten by the next call. */
  private compute(word: string): Int32Array {
    // UTF-8 needs at most three bytes for each UTF-16 unit.
    if (this.bytes.length < word.length * 3) {
      this.bytes = new Uint8Array(word.length * 3);
      this.ids = new Int32Array(word.length * 3);
    }
    const { written } = this.utf8.encodeInto(word, this.bytes);
    const whole = this.wholeWord(written);
    if (whole !== undefined) {
      this.ids[0] = whole;
      return this.ids.subarray(0, 1);
    }
    let count = 0;
    for (let at = 0; at < written; at++) {
      const id = this.parsed.byteIds[this.bytes[at]!]!;
      if (id >= 0) this.ids[count++] = id;
    }
    return this.ids.subarray(0, this.merger.merge(this.ids, count));
  }

  private wholeWord(written: number): number | undefined {
    // No token is longer; the lookup would only build a long string.
    if (!this.parsed.wholeWords || written > 512) return undefined;
    let text = '';
    for (let at = 0; at < written; at++) text += BYTE_CHARS[this.bytes[at]!]!;
    return this.parsed.wholeWords.get(text);
  }
}
