import type { ExpertRows } from '@zen/engine';
import { mergeCalls } from './merge-calls';

/** A call of rows of one byte, with its pairs as [expert, rows]. */
function call(rows: number[], pairs: [number, number[]][]): { rows: ExpertRows; count: number } {
  return {
    count: rows.length,
    rows: {
      layer: 1,
      stage: 2,
      encoding: 'int8',
      rows: Uint8Array.from(rows),
      scales: Float32Array.from(rows, (row) => row / 10),
      experts: Int32Array.from(pairs, ([expert]) => expert),
      counts: Int32Array.from(pairs, ([, of]) => of.length),
      pairs: Int32Array.from(pairs.flatMap(([, of]) => of)),
    },
  };
}

/** What an engine would answer: two bytes a pair, the row's and the expert's. */
function outputs({ rows, experts, counts, pairs }: ExpertRows): Uint8Array {
  const of = [...experts].flatMap((expert, index) => new Array<number>(counts[index]!).fill(expert));
  return Uint8Array.from([...pairs].flatMap((row, pair) => [rows[row]!, of[pair]!]));
}

describe('calls that are run together', () => {
  const cases: [string, { rows: ExpertRows; count: number }[]][] = [
    ['one alone', [call([1, 2], [[0, [1, 0]]])]],
    [
      'two with the same expert, and one of its own each',
      [
        call(
          [1, 2, 3],
          [
            [1, [2]],
            [4, [0, 1, 2]],
          ],
        ),
        call(
          [7, 8],
          [
            [0, [1]],
            [4, [0]],
            [9, [1, 0]],
          ],
        ),
      ],
    ],
    ['three with nothing in common', [call([1], [[2, [0]]]), call([2], [[1, [0]]]), call([3], [[0, [0]]])]],
  ];
  test.each(cases)('%s: each gets its own outputs in its own order', (_name, calls) => {
    const { rows, split } = mergeCalls(calls);
    expect([...rows.experts]).toEqual([...new Set(rows.experts)].sort((a, b) => a - b));
    expect(rows.counts.reduce((sum, count) => sum + count, 0)).toBe(rows.pairs.length);
    expect([...rows.scales]).toEqual(calls.flatMap((one) => [...one.rows.scales]));
    const parts = split(outputs(rows));
    expect(parts.map((part) => [...part])).toEqual(calls.map((one) => [...outputs(one.rows)]));
  });
});
