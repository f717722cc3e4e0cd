/**
 * The beginnings of a prompt, block by block: two prompts share their first `n` keys exactly where they, and what
 * they are computed with, are equal so far. Nobody needs a tokenizer for that.
 */
export interface PrefixChain {
  keys: readonly number[];
  /** Units (characters or token ids) of the whole prompt, those after the last key included. */
  units: number;
}

/** Units in a block: some 32 tokens of text. */
export const BLOCK_UNITS = 128;
/** Blocks that count; what follows is never known to be cached. 256 Ki units are more than any context here. */
export const MAX_BLOCKS = 2048;

/**
 * `scope` is whatever makes equal text a different computation: the model, the stage, whose it is and with which delta. Parts are hashed with
 * their borders, so that text cannot move from one message to the next unnoticed.
 */
export function prefixChain(scope: string, parts: Iterable<string | ArrayLike<number>>): PrefixChain {
  const keys: number[] = [];
  let units = 0;
  // Two lanes of 32 bits make a key of 53. A collision costs a wrong choice, never a wrong answer. The lanes are
  // locals of one loop: in a closure each step would allocate.
  let high = 0x1e3779b9;
  let low = 0x05ebca6b;
  let counted = false;
  for (const part of [scope, ...parts]) {
    const text = typeof part === 'string';
    for (let at = 0; at <= part.length && keys.length < MAX_BLOCKS; at++) {
      // A part's end is no character and no token.
      const unit = at === part.length ? -1 : text ? part.charCodeAt(at) : (part[at] as number);
      high = Math.imul(high ^ unit, 0x01000193);
      high ^= high >>> 15;
      low = Math.imul(low ^ unit, 0x5bd1e995);
      low ^= low >>> 13;
      const full = counted && at < part.length && (units + at + 1) % BLOCK_UNITS === 0;
      if (full) keys.push((high >>> 0) * 2 ** 21 + (low >>> 11));
    }
    if (counted) units += part.length;
    counted = true;
  }
  return { keys, units };
}
