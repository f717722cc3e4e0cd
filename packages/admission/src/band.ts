/** Requests of one priority. */
export type Band = 'interactive' | 'normal' | 'batch';

/** The order is strict: a lower band gets only what no higher one waits for. */
export const BANDS: readonly Band[] = ['interactive', 'normal', 'batch'];

/** The band itself and those before it. */
export function upTo(band: Band): readonly Band[] {
  return BANDS.slice(0, BANDS.indexOf(band) + 1);
}
