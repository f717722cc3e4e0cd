import { played } from './player';

const at = (...pairs: [number, number][]) => pairs.map(([atMs, durationMs]) => ({ atMs, durationMs }));

it.each([
  ['nothing', at(), { underrunMs: 0, longestMs: 0, audioMs: 0, gapsMs: [] }],
  ['all at once', at([5, 80], [5, 80]), { underrunMs: 0, longestMs: 0, audioMs: 160, gapsMs: [0] }],
  ['just in time', at([0, 80], [80, 80]), { underrunMs: 0, longestMs: 0, audioMs: 160, gapsMs: [80] }],
  [
    'two silences',
    at([0, 80], [100, 80], [330, 80]),
    { underrunMs: 170, longestMs: 150, audioMs: 240, gapsMs: [100, 230] },
  ],
])('plays %s', (_label, stretches, expected) => {
  expect(played(stretches)).toEqual(expected);
});
