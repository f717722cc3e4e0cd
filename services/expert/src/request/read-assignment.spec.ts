import { readAssignment } from './read-assignment';

const LIMITS = { layers: 3, experts: 4, perLayer: 2 };
const read = (layers: { layer: number; experts: number[] }[]) =>
  readAssignment({ version: 1n, artifactDigest: '', layers }, LIMITS);

test('an assignment is a table', () => {
  expect([
    ...read([
      { layer: 0, experts: [1, 3] },
      { layer: 2, experts: [0] },
    ]),
  ]).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]);
  expect(read([]).includes(1)).toBe(false);
});

test.each([
  ['a layer twice', [1, 1], [0], /^layers\[1\].layer: 1 must be above 1/],
  ['a layer beyond the model', [0, 3], [0], /^layers\[1\].layer: 3 must be above 0 and below 3/],
  ['more than it takes', [0], [0, 1, 2], /^layers\[0\].experts: 3 experts, limit 2/],
  ['an expert twice', [0], [1, 1], /^layers\[0\].experts: 1 must be above 1/],
  ['an expert beyond the model', [0], [4], /^layers\[0\].experts: 4 must be above -1 and below 4/],
])('%s is refused by name', (_name, layers, experts, message) => {
  expect(() => read(layers.map((layer) => ({ layer, experts })))).toThrow(message);
});
