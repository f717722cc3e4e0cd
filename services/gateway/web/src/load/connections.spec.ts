import { connectionsFor } from './connections';

test.each([
  [0, []],
  [1, [1]],
  [8, [8]],
  [9, [5, 4]],
  [20, [7, 7, 6]],
  [24, [8, 8, 8]],
  [1000, [8, 8, 8]],
  [-3, []],
])('%d streams', (streams, connections) => {
  expect(connectionsFor(streams)).toEqual(connections);
});
