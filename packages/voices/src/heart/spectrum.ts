/** How the voice's network describes sound: one spectrum every 12.5 ms at 24 kHz. */
export const SAMPLE_RATE = 24_000;
export const FFT_SIZE = 1200;
export const HOP = 300;
export const BINS = FFT_SIZE / 2 + 1;

/** What the network predicts for F frames; each of the first five is [BINS, F], row by row. */
export interface Spectrum {
  /** Of the pulses' filter: the logarithm of its magnitude, and its phase before tanh, in half turns. */
  lh: Float32Array;
  theta: Float32Array;
  /** Logarithm of the noise's magnitude. */
  ln: Float32Array;
  /** What is neither: logarithm of the magnitude, and the phase in radians. */
  lr: Float32Array;
  phi: Float32Array;
  /** Pitch in hertz, 0 where there is none; [F]. */
  f0: Float32Array;
}

/** Hann, periodic. */
export const WINDOW = Float64Array.from(
  { length: FFT_SIZE },
  (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / FFT_SIZE),
);
