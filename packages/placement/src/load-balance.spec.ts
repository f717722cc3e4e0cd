import { loadBalance } from './load-balance';

test.each([
  ['nothing carried', [[[0], [1]]], [0, 0], 1],
  ['even', [[[0], [1]]], [5, 5], 1],
  ['one of two has it all', [[[0], [1]]], [10, 0], 2],
  ['shared by two holders', [[[0], [0, 1]]], [10, 0], 1],
  ['nobody holds the hot one', [[[1], []]], [100, 4], 2],
  [
    'layers that even out wait for each other all the same',
    [
      [[0], [1]],
      [[0], [1]],
    ],
    [10, 0, 0, 10],
    2,
  ],
  ['no pods', [[]], [1, 2], 1],
])('%s', (_, layout, tokens, expected) => expect(loadBalance(layout, 2, tokens)).toBeCloseTo(expected, 9));
