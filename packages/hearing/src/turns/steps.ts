/** Samples of a step at 16 kHz: 32 ms. */
export const STEP = 512;
export const STEP_MS = 32;
