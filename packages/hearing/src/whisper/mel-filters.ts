/** Whisper's picture of sound: 16 kHz, windows of 25 ms every 10 ms. */
export const SAMPLE_RATE = 16_000;
export const WINDOW = 400;
export const HOP = 160;
export const MEL_BINS = 80;
export const SPECTRUM = WINDOW / 2 + 1;

/**
 * Rows that turn a window of samples into its spectrum: `SPECTRUM` rows of real parts, then as many of imaginary
 * parts, each `WINDOW` long; a Hann window is in them.
 */
export function spectrumRows(): Float32Array {
  const rows = new Float32Array(2 * SPECTRUM * WINDOW);
  for (let bin = 0; bin < SPECTRUM; bin++) {
    for (let i = 0; i < WINDOW; i++) {
      const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW);
      // The angle is reduced first: a product of large numbers would lose digits.
      const angle = (2 * Math.PI * ((bin * i) % WINDOW)) / WINDOW;
      rows[bin * WINDOW + i] = hann * Math.cos(angle);
      rows[(SPECTRUM + bin) * WINDOW + i] = -hann * Math.sin(angle);
    }
  }
  return rows;
}

/** `MEL_BINS` × `SPECTRUM`: triangles of equal area, evenly spread over Slaney's mel scale from 0 to 8 kHz. */
export function melFilters(): Float32Array {
  const filters = new Float32Array(MEL_BINS * SPECTRUM);
  const top = melOf(SAMPLE_RATE / 2);
  const edges = Array.from({ length: MEL_BINS + 2 }, (_, i) => hertzOf((top * i) / (MEL_BINS + 1)));
  for (let bin = 0; bin < MEL_BINS; bin++) {
    const [low, centre, high] = [edges[bin]!, edges[bin + 1]!, edges[bin + 2]!];
    for (let i = 0; i < SPECTRUM; i++) {
      const hertz = (i * SAMPLE_RATE) / WINDOW;
      const height = Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre));
      filters[bin * SPECTRUM + i] = Math.max(0, height) * (2 / (high - low));
    }
  }
  return filters;
}

/** Linear up to 1 kHz, logarithmic above. */
const LINEAR_HERTZ = 200 / 3;
const KNEE_HERTZ = 1_000;
const KNEE_MEL = KNEE_HERTZ / LINEAR_HERTZ;
const LOG_STEP = Math.log(6.4) / 27;

function melOf(hertz: number): number {
  return hertz < KNEE_HERTZ ? hertz / LINEAR_HERTZ : KNEE_MEL + Math.log(hertz / KNEE_HERTZ) / LOG_STEP;
}

function hertzOf(mel: number): number {
  return mel < KNEE_MEL ? mel * LINEAR_HERTZ : KNEE_HERTZ * Math.exp(LOG_STEP * (mel - KNEE_MEL));
}
