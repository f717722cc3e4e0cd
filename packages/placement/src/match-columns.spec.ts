import { matchColumns } from './match-columns';
import type { PlacementPod } from './placement-pod';

const pod = (id: string, capacity: number, node = '', zone = ''): PlacementPod => ({
  id,
  capacity,
  node,
  zone,
});

test.each<[string, PlacementPod[], number[][], number[][], number[][]]>([
  [
    'alike: each column goes where most of it is',
    [pod('a', 2), pod('b', 2), pod('c', 2)],
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
    [
      [4, 9],
      [0, 1],
      [2, 9],
    ],
    [
      [4, 5],
      [0, 1],
      [2, 3],
    ],
  ],
  [
    'of other capacity: columns stay with their size',
    [pod('a', 1), pod('b', 2), pod('c', 2)],
    [[0], [1, 2], [3, 4]],
    [[4], [3, 4], [0, 1]],
    [[0], [3, 4], [1, 2]],
  ],
  [
    'on machines: whole machines change places, so that copies stay apart',
    [pod('a', 1, 'x'), pod('b', 1, 'x'), pod('c', 1, 'y'), pod('d', 1, 'y')],
    [[0], [1], [2], [0]],
    // Column by column, 0 would go to both pods of machine y.
    [[2], [9], [0], [0]],
    [[2], [0], [0], [1]],
  ],
  [
    'in zones: machines stay in theirs',
    [pod('a', 1, 'x', 'z1'), pod('b', 1, 'y', 'z2')],
    [[0], [1]],
    [[1], [0]],
    [[0], [1]],
  ],
])('%s', (_, pods, layout, current, expected) => {
  const matched = matchColumns(pods, layout, current);
  expect(matched).toEqual(expected);
});
