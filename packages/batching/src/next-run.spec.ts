import { nextRun } from './next-run';
import type { Prompt } from './request';

const mixed: Prompt = {
  kind: 'mixed',
  tokens: Int32Array.of(5, 6, 0, 0, 7, 0, 8),
  rows: Float32Array.of(1, 2, 3),
  width: 1,
  rowAt: Int32Array.of(2, 3, 5),
};

test.each<[number, number, number, number[] | null]>([
  [0, 1, 1, null],
  [0, 7, 2, null],
  [2, 7, 4, [1, 2]],
  [2, 3, 3, [1]],
  [3, 7, 4, [2]],
  [4, 5, 5, null],
  [4, 7, 5, null],
  [5, 9, 6, [3]],
  [6, 9, 9, null],
  [7, 8, 8, null],
])('from %i to %i of rows between tokens: to %i', (start, asked, end, rows) => {
  expect(nextRun(mixed, start, asked)).toEqual({ end, embeddings: rows && Float32Array.from(rows) });
});

test('rows alone end where the prompt does, and what was sampled is tokens', () => {
  const prompt: Prompt = { kind: 'embeddings', rows: Float32Array.of(1, 2, 3, 4), width: 2 };
  expect(nextRun(prompt, 1, 5)).toEqual({ end: 2, embeddings: Float32Array.of(3, 4) });
  expect(nextRun(prompt, 2, 5)).toEqual({ end: 5, embeddings: null });
});
