import { clip, golden } from '../clip.fixture';
import { HOP, MEL_BINS, melFilters, SPECTRUM, spectrumRows, WINDOW } from './mel-filters';

/** The plain way that the graph goes at once: log power in the mel bins, one row a frame, not yet bounded below. */
function logMel(samples: Float32Array): number[][] {
  const padded = new Float32Array(samples.length + WINDOW);
  padded.set(samples, WINDOW / 2);
  for (let i = 1; i <= WINDOW / 2; i++) padded[WINDOW / 2 - i] = samples[i]!;
  const rows = spectrumRows();
  const filters = melFilters();
  return Array.from({ length: Math.floor(samples.length / HOP) }, (_, frame) => {
    const power = new Float64Array(SPECTRUM);
    for (let row = 0; row < 2 * SPECTRUM; row++) {
      let sum = 0;
      for (let i = 0; i < WINDOW; i++) sum += rows[row * WINDOW + i]! * padded[frame * HOP + i]!;
      power[row % SPECTRUM]! += sum * sum;
    }
    return Array.from({ length: MEL_BINS }, (_, bin) => {
      let sum = 0;
      for (let i = 0; i < SPECTRUM; i++) sum += filters[bin * SPECTRUM + i]! * power[i]!;
      return Math.log10(Math.max(sum, 1e-10));
    });
  });
}

test('the picture of sound is that of the reference', () => {
  const { mel } = golden();
  const mine = logMel(clip(mel.clip));
  const loudest = Math.max(...mine.flat());
  let sum = 0;
  let count = 0;
  for (const [i, frame] of mel.frames.entries()) {
    for (const [bin, wanted] of mel.bins[i]!.entries()) {
      const got = (Math.max(mine[frame]![bin]!, loudest - 8) + 4) / 4;
      sum += Math.abs(got - wanted);
      count += 1;
    }
  }
  // Another decoder of Ogg Opus and another resampler come before it: bins near the floor differ.
  expect(sum / count).toBeLessThan(0.02);
});

test('each filter is a triangle of area one over its width', () => {
  const filters = melFilters();
  for (let bin = 0; bin < MEL_BINS; bin++) {
    const filter = filters.subarray(bin * SPECTRUM, (bin + 1) * SPECTRUM);
    expect(Math.min(...filter)).toBe(0);
    expect(Math.max(...filter)).toBeGreaterThan(0);
  }
});
