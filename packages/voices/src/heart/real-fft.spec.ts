import { RealFft } from './real-fft';

/** By the formula. */
function reference(input: Float64Array) {
  const n = input.length;
  return Array.from({ length: n / 2 + 1 }, (_, bin) => {
    let [re, im] = [0, 0];
    input.forEach((value, at) => {
      re += value * Math.cos((2 * Math.PI * bin * at) / n);
      im -= value * Math.sin((2 * Math.PI * bin * at) / n);
    });
    return { re, im };
  });
}

describe('RealFft', () => {
  it.each([2, 4, 6, 8, 10, 12, 30, 60, 240, 1200])('transforms %i values and back', (size) => {
    const fft = new RealFft(size);
    const input = Float64Array.from({ length: size }, (_, at) => Math.sin(at * at) + 0.25);
    const [re, im] = [new Float64Array(fft.bins), new Float64Array(fft.bins)];
    fft.forward(input, re, im);
    reference(input).forEach((expected, bin) => {
      expect(re[bin]).toBeCloseTo(expected.re, 8);
      expect(im[bin]).toBeCloseTo(expected.im, 8);
    });
    const back = new Float64Array(size);
    fft.inverse(re, im, back);
    input.forEach((value, at) => {
      expect(back[at]).toBeCloseTo(value, 10);
    });
  });

  it.each([3, 14, 0])('refuses a size of %i', (size) => {
    expect(() => new RealFft(size)).toThrow(RangeError);
  });
});
