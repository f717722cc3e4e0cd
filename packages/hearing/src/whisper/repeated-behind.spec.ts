import { repeatedBehind } from './repeated-behind';

it.each<[string, number[], number, number]>([
  ['nothing', [], 1, 0],
  ['no repetition', [1, 2, 3, 4, 5, 6, 7, 8], 1, 0],
  ['a sentence twice', [9, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5], 1, 5],
  ['a sentence twice, which is allowed', [9, 1, 2, 3, 4, 1, 2, 3, 4], 2, 0],
  ['a sentence three times', [9, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4], 2, 4],
  ['not at the end', [1, 2, 3, 4, 1, 2, 3, 4, 9], 1, 0],
  ['a few words twice', [1, 2, 3, 1, 2, 3], 1, 0],
  ['one word for long', [1, 1, 1, 1, 1, 1, 1, 1], 1, 4],
])('finds %s', (_label, ids, most, repeated) => {
  expect(repeatedBehind(ids, most)).toBe(repeated);
});
