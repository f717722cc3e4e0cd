import { SAMPLE_RATES } from './audio-format';
import { Resampler } from './resampler';

const SECONDS = 0.15;

function tone(rate: number, hertz: number): Float32Array {
  const count = Math.round(SECONDS * rate);
  return Float32Array.from({ length: count }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
}

function resampled(from: number, to: number, input: Float32Array, cut: number): Float32Array {
  const resampler = new Resampler(from, to);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += cut) out.push(...resampler.push(input.subarray(at, at + cut)));
  return Float32Array.from([...out, ...resampler.end()]);
}

const PAIRS = SAMPLE_RATES.flatMap((rate) =>
  [8000, 16_000, 24_000].flatMap((other): [number, number][] => [
    [rate, other],
    [other, rate],
  ]),
);

test.each(PAIRS)('%d to %d Hz: a tone stays what and where it was, its length is exact', (from, to) => {
  const input = tone(from, 1000);
  const out = resampled(from, to, input, 1000);
  expect(out).toHaveLength(Math.ceil((input.length * to) / from));
  const wanted = tone(to, 1000);
  // Near its ends it is cut off, and rings.
  const edge = Math.round(0.02 * to);
  let worst = 0;
  for (let i = edge; i < out.length - edge; i++) {
    worst = Math.max(worst, Math.abs((out[i] as number) - (wanted[i] as number)));
  }
  expect(worst).toBeLessThan(2e-4);
});

test.each([1, 7, 441, 100_000])('cut into pieces of %d samples it is the same to the bit', (cut) => {
  const input = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i * i));
  for (const [from, to] of [
    [44_100, 16_000],
    [24_000, 8000],
    [8000, 24_000],
  ] as const) {
    expect(resampled(from, to, input, cut)).toEqual(resampled(from, to, input, input.length));
  }
});

test('what the lower rate cannot hold is gone instead of folded back', () => {
  const loudest = (hertz: number) =>
    resampled(48_000, 16_000, tone(48_000, hertz), 480)
      .subarray(400, 2000)
      .reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  expect(loudest(6000)).toBeGreaterThan(0.49);
  expect(loudest(9000)).toBeLessThan(1e-4);
  expect(loudest(15_000)).toBeLessThan(1e-4);
});

test('few samples, and none', () => {
  for (const count of [0, 1, 2, 3]) {
    expect(resampled(24_000, 16_000, new Float32Array(count), 1)).toHaveLength(Math.ceil((count * 2) / 3));
  }
});

test('a rate that is not known is refused by name', () => {
  expect(() => new Resampler(44_101, 16_000)).toThrow('sample_rate: 44101 Hz, not one of 8000,');
});
