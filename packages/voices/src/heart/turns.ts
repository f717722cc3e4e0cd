/** Steps of a whole turn; between two of them the value is a straight line, off by less than 3e-7. */
const STEPS = 4096;
/** One more for the end of the last line. */
const COS = Float64Array.from({ length: STEPS + 2 }, (_, at) => Math.cos((2 * Math.PI * at) / STEPS));
const SIN = Float64Array.from({ length: STEPS + 2 }, (_, at) => Math.sin((2 * Math.PI * at) / STEPS));

/**
 * Writes `size` · e^(2πi·turns) to `re[to]`, `im[to]`. A table, because a voice needs some hundred thousand of them for a
 * second of sound.
 */
export function polar(size: number, turns: number, re: Float32Array, im: Float32Array, to: number): void {
  const place = (turns - Math.floor(turns)) * STEPS;
  const at = Math.floor(place);
  const part = place - at;
  re[to] = size * (COS[at]! + (COS[at + 1]! - COS[at]!) * part);
  im[to] = size * (SIN[at]! + (SIN[at + 1]! - SIN[at]!) * part);
}
