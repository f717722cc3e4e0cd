import { frameSamples, toFrames } from './to-frames';

test.each([
  [24_000, 1920],
  [22_050, 1764],
  [8000, 640],
  [16_001, 1280],
])('at %i Hz a frame has %i samples: 80 ms at most', (rate, samples) => {
  expect(frameSamples(rate)).toBe(samples);
});

test('frames tile a clause from its first sample on, the last as short as it comes', () => {
  const samples = Float32Array.from({ length: 4000 }, (_, i) => ((i % 200) - 100) / 100);
  const frames = [...toFrames(samples, 24_000, 1_000_001, 3)];
  expect(frames.map(({ position, pcm, clause }) => [position, pcm.length, clause])).toEqual([
    [1_000_001n, 3840, 3],
    [1_001_921n, 3840, 3],
    [1_003_841n, 320, 3],
  ]);
  const pcm = Buffer.concat(frames.map((frame) => frame.pcm));
  samples.forEach((value, i) => {
    expect(pcm.readInt16LE(2 * i)).toBe(Math.round(32_767 * value));
  });
  expect([...toFrames(new Float32Array(0), 24_000, 5, 0)]).toEqual([]);
});

test('what is too loud is clipped, and what is no number is silence', () => {
  const [frame] = toFrames(Float32Array.of(2, -2, 1, -1, Number.NaN), 24_000, 0, 0);
  const values = [0, 1, 2, 3, 4].map((i) => frame?.pcm.readInt16LE(2 * i));
  expect(values).toEqual([32_767, -32_767, 32_767, -32_767, 0]);
});
