import { qualityName, voiceQuality } from './voice-quality';

const load = (occupancy: number, calls: number, realTimeFactor: number) => ({
  occupancy,
  calls,
  realTimeFactor,
});

test.each([
  ['idle', load(0, 0, 0), false, 'full'],
  ['idle after a slow start', load(0, 0, 2), false, 'full'],
  ['busy and quick', load(0.5, 8, 0.2), false, 'full'],
  ['busy and slow', load(0.1, 2, 0.8), false, 'reduced'],
  ['nearly full', load(0.8, 13, 0.1), false, 'reduced'],
  ['nearly full, but it must be the full one', load(2, 32, 3), true, 'full'],
])('%s', (_, load, full, name) => {
  expect(qualityName(voiceQuality(load, full))).toBe(name);
});
