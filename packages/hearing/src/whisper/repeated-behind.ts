/** Fewer ids than this are said twice by people. */
const LEAST = 4;

/**
 * How many ids at the end say what the same number before them said, `most` times in a row; 0 where it is not so. A model
 * that does not notice the end of speech says its last sentence again and again.
 */
export function repeatedBehind(ids: readonly number[], most: number): number {
  const length = ids.length;
  for (let period = LEAST; period * (most + 1) <= length; period++) {
    let same = 0;
    while (same < period * most && ids[length - 1 - same] === ids[length - 1 - same - period]) same++;
    if (same === period * most) return period;
  }
  return 0;
}
