import { toHalf } from '../float16';
import { dot, type Fit } from './encoded';
import { type InputMoment, type Multiply, weigh } from './input-moment';

/** The v for which (1 + v[i]) · (W x)[i] comes nearest to ((W + delta) x)[i]; `base` is W [rows, cols]. */
export async function encodeVec(
  base: Float32Array,
  delta: Float32Array,
  rows: number,
  cols: number,
  moment: InputMoment,
  product: Multiply,
): Promise<{ v: Uint16Array; fit: Fit }> {
  const weighedBase = await weigh(base, rows, cols, moment, product);
  const weighed = await weigh(delta, rows, cols, moment, product);
  const v = new Uint16Array(rows);
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * cols, (row + 1) * cols];
    const right = dot(delta.subarray(from, to), weighedBase.subarray(from, to));
    const size = dot(base.subarray(from, to), weighedBase.subarray(from, to));
    const best = size > 0 ? right / size : 0;
    v[row] = toHalf(best);
    kept += best * right;
  }
  return { v, fit: { total: dot(delta, weighed), kept } };
}
