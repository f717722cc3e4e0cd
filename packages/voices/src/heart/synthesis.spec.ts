import { pulses } from './pulses';
import { BINS, HOP, SAMPLE_RATE, type Spectrum } from './spectrum';
import { Synthesis } from './synthesis';

const SILENT = -30;

function spectrum(frames: number, change: Partial<Record<keyof Spectrum, number>>): Spectrum {
  const part = (name: keyof Spectrum, value: number) =>
    new Float32Array((name === 'f0' ? 1 : BINS) * frames).fill(change[name] ?? value);
  return {
    lh: part('lh', SILENT),
    theta: part('theta', 0),
    ln: part('ln', SILENT),
    lr: part('lr', SILENT),
    phi: part('phi', 0),
    f0: part('f0', 0),
  };
}

const sound = (of: Spectrum, every: 1 | 2, normal = () => 0) =>
  [...new Synthesis().blocks(of, { every, noise: true, normal })].flatMap((block) => [...block]);
const peak = (samples: readonly number[]) => Math.max(...samples.map(Math.abs));
const rms = (samples: readonly number[]) => Math.hypot(...samples) / Math.sqrt(samples.length);

/** The same uneven values each time. */
function uneven(): () => number {
  let at = 0;
  return () => ((Math.sin(12.9898 * at++) * 43758.5453) % 1) * 1.7;
}

describe('Synthesis', () => {
  it.each([1, 2, 9, 10, 17, 40])('makes %i frames of HOP samples', (frames) => {
    expect(sound(spectrum(frames, { f0: 200, lh: -4 }), 1)).toHaveLength(frames * HOP);
    expect(sound(spectrum(frames, { f0: 200, lh: -4 }), 2)).toHaveLength(frames * HOP);
  });

  it.each([1, 2] as const)('gives the pulses back through a filter of magnitude 1 (every %i)', (every) => {
    const frames = 20;
    const out = sound(spectrum(frames, { f0: 220, lh: 0 }), every);
    const source = pulses(new Float32Array(frames).fill(220));
    // The window's scale makes a cosine of amplitude 1 one of magnitude 1, which is 1 / 300 of its height.
    for (let at = 3 * HOP; at < (frames - 3) * HOP; at += 7)
      expect(out[at]! * 300).toBeCloseTo(source[at]!, 3);
  });

  it.each([
    ['every frame', 1],
    ['every other frame', 2],
  ] as const)('is not louder at its ends than inside, with %s', (_name, every) => {
    for (const frames of [9, 10]) {
      const out = sound(spectrum(frames, { ln: 0 }), every, uneven());
      const inside = peak(out.slice(3 * HOP, -3 * HOP));
      expect(inside).toBeGreaterThan(0);
      expect(peak(out)).toBeLessThan(3 * inside);
    }
  });

  it('has noise as loud as it is told, and none where nothing is drawn', () => {
    const loud = rms(sound(spectrum(20, { ln: 0 }), 1, uneven()));
    const quiet = rms(sound(spectrum(20, { ln: -1 }), 1, uneven()));
    expect(loud / quiet).toBeCloseTo(Math.E, 6);
    expect(peak(sound(spectrum(20, { ln: 0 }), 1))).toBeLessThan(1e-12);
  });
});

describe('pulses', () => {
  it('repeat with the pitch, and are silent without one', () => {
    const period = SAMPLE_RATE / 200;
    const out = pulses(new Float32Array(20).fill(200));
    for (let at = 0; at < 1000; at++) expect(out[at + period]!).toBeCloseTo(out[at]!, 4);
    expect(Math.max(...out)).toBeCloseTo(55, 0);
    expect([...pulses(new Float32Array(3))].every((sample) => sample === 0)).toBe(true);
  });
});
