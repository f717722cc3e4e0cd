import { Downsampler } from './downsampler';

const tone = (rate: number, hertz: number, count: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
const inPieces = (input: Float32Array, from: number, to: number, size: number) => {
  const sampler = new Downsampler(from, to);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += size) out.push(...sampler.push(input.subarray(at, at + size)));
  return out;
};
const loudest = (samples: readonly number[]) =>
  samples.slice(200).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

test.each([48_000, 44_100, 24_000, 96_000])('from %d Hz a voice stays what and where it was', (rate) => {
  const out = inPieces(tone(rate, 1000, rate / 20), rate, 24_000, 128);
  const wanted = tone(24_000, 1000, out.length);
  // What waits for samples after it is not out yet: some 16 samples.
  expect(out.length).toBeGreaterThan(24_000 / 20 - 20);
  const worst = out
    .slice(100)
    .reduce((most, one, i) => Math.max(most, Math.abs(one - (wanted[i + 100] as number))), 0);
  expect(worst).toBeLessThan(0.01);
});

test('what the lower rate cannot hold is gone instead of folded back', () => {
  expect(loudest(inPieces(tone(48_000, 9000, 2400), 48_000, 24_000, 128))).toBeGreaterThan(0.9);
  expect(loudest(inPieces(tone(48_000, 15_000, 2400), 48_000, 24_000, 128))).toBeLessThan(0.01);
});

test('cut into any pieces it is the same', () => {
  const input = tone(44_100, 700, 1000);
  const whole = inPieces(input, 44_100, 24_000, input.length);
  for (const size of [1, 127, 300]) {
    const out = inPieces(input, 44_100, 24_000, size);
    expect(out).toHaveLength(whole.length);
    expect(Math.max(...out.map((one, i) => Math.abs(one - (whole[i] as number))))).toBeLessThan(1e-4);
  }
});

test('a device slower than the wire is refused', () => {
  expect(() => new Downsampler(16_000, 24_000)).toThrow('cannot go from 16000 to 24000 Hz');
});
