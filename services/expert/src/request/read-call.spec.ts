import type { RunExpertsRequest } from '@zen/contracts';
import { readCall } from './read-call';

const LIMITS = { layers: 3, experts: 8, hiddenSize: 64, answerBytes: 4096 };

const GOOD: RunExpertsRequest = {
  id: 1n,
  cancel: false,
  layer: 2,
  stage: 4,
  encoding: 3,
  rows: Buffer.alloc(3 * 64, 1),
  scales: Buffer.alloc(3 * 2 * 4),
  experts: [1, 7],
  counts: [2, 1],
  pairs: [0, 2, 1],
  answerEncoding: 1,
  deadlineUs: 0,
};

test('a good call is read as views', () => {
  const { rows, rowCount, answer, answerBytes } = readCall(GOOD, LIMITS);
  expect(rows.rows).toBe(GOOD.rows);
  expect(rows.scales.buffer).toBe(GOOD.scales.buffer);
  expect([rowCount, answer, answerBytes]).toEqual([3, 'f32', 3 * 64 * 4]);
  expect([[...rows.experts], [...rows.counts], [...rows.pairs]]).toEqual([
    [1, 7],
    [2, 1],
    [0, 2, 1],
  ]);
});

test.each<[string, Partial<RunExpertsRequest>, RegExp]>([
  ['a layer too many', { layer: 3 }, /^layer: 3 must be below 3/],
  ['a stage too many', { stage: 5 }, /^stage: 5 must be below 5/],
  ['no encoding', { encoding: 0 }, /^encoding: /],
  ['an unknown encoding', { encoding: 9 as never }, /^encoding: 9/],
  ['integers in the answer', { answerEncoding: 3 }, /^answer_encoding: /],
  ['no rows', { rows: Buffer.alloc(0) }, /^rows: 0 bytes/],
  ['half a row', { rows: Buffer.alloc(100) }, /^rows: 100 bytes/],
  ['scales too few', { scales: Buffer.alloc(20) }, /^scales: 20 bytes, must be 24/],
  ['scales without need', { encoding: 1, rows: Buffer.alloc(64 * 4) }, /^scales: 24 bytes, must be 0/],
  ['no experts', { experts: [], counts: [] }, /^experts: must not be empty/],
  ['an expert twice', { experts: [1, 1] }, /^experts: 1 must be above 1/],
  ['an expert beyond the model', { experts: [1, 8] }, /^experts: 8 must be above 1 and below 8/],
  ['counts too few', { counts: [3] }, /^counts: 1 for 2 experts/],
  ['an expert without pairs', { counts: [3, 0] }, /^counts\[1\]: 0/],
  ['counts beyond the pairs', { counts: [2, 2] }, /^pairs: 3, counts say 4/],
  ['a row beyond the rows', { pairs: [0, 3, 1] }, /^pairs\[1\]: row 3 must be below 3/],
  ['a row beyond all numbers', { pairs: [0, 2 ** 32 - 1, 1] }, /^pairs\[1\]: row 4294967295/],
  [
    'outputs beyond their room',
    { experts: [1], counts: [17], pairs: new Array<number>(17).fill(0) },
    /^pairs: outputs of 4352 bytes, limit 4096/,
  ],
])('%s is refused by name', (_name, change, message) => {
  expect(() => readCall({ ...GOOD, ...change }, LIMITS)).toThrow(message);
});
