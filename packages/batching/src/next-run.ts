import { type Prompt, promptLength } from './request';

export interface Run {
  /** At most as far as was asked. */
  end: number;
  /** [end − start][width]; null: the positions are tokens. */
  embeddings: Float32Array | null;
}

/** The positions from `start` up to `end`, or as many of them as are all rows of embeddings or all tokens. */
export function nextRun(prompt: Prompt, start: number, end: number): Run {
  if (prompt.kind === 'tokens' || start >= promptLength(prompt)) return { end, embeddings: null };
  if (prompt.kind === 'embeddings') return rowsOf(prompt, start, Math.min(end, promptLength(prompt)), start);
  const { rowAt } = prompt;
  const row = firstAtLeast(rowAt, start);
  if (rowAt[row] !== start) return { end: Math.min(end, rowAt[row] ?? end), embeddings: null };
  let until = start + 1;
  while (until < end && rowAt[row + until - start] === until) until++;
  return rowsOf(prompt, start, until, row);
}

function rowsOf(
  { rows, width }: Extract<Prompt, { rows: Float32Array }>,
  start: number,
  end: number,
  row: number,
): Run {
  return { end, embeddings: rows.subarray(row * width, (row + end - start) * width) };
}

/** Index of the first that is not below `least`; the length where none is. */
function firstAtLeast(ascending: Int32Array, least: number): number {
  let from = 0;
  let to = ascending.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ascending[middle] as number) < least) from = middle + 1;
    else to = middle;
  }
  return from;
}
