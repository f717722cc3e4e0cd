import { toHalf } from '../float16';
import { signBits } from '../sign-bits';
import { dot, type Fit } from './encoded';
import { type InputMoment, type Multiply, momentAt, weigh } from './input-moment';
import { solve } from './solve';

export interface EncodedDense1 {
  signs: Uint8Array;
  scales: Uint16Array;
  fit: Fit;
}

/**
 * Signs of `delta` [rows, cols] with a scale for each row and group of columns: those that minimise the error of
 * y = W x in closed form. Without a moment they are the group's mean |delta|.
 */
export async function encodeDense1(
  delta: Float32Array,
  rows: number,
  cols: number,
  group: number,
  moment: InputMoment,
  product: Multiply,
): Promise<EncodedDense1> {
  const groups = cols / group;
  const signed = delta.map((value) => (value >= 0 ? 1 : -1));
  const weighed = await weigh(delta, rows, cols, moment, product);
  const left = await gram(signed, rows, cols, group, moment, product);
  const scales = new Uint16Array(rows * groups);
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const right = new Float64Array(groups);
    for (let j = 0; j < cols; j++) {
      right[Math.floor(j / group)]! += weighed[row * cols + j]! * signed[row * cols + j]!;
    }
    const square = left.subarray(row * groups * groups, (row + 1) * groups * groups);
    const best = solve(square, right, groups);
    for (const [g, scale] of best.entries()) scales[row * groups + g] = toHalf(scale);
    kept += dot(best, right);
  }
  return { signs: signBits(delta, rows, cols), scales, fit: { total: dot(delta, weighed), kept } };
}

/** For every row: sᵀ_g E[x xᵀ] s_h of its signs s in groups g and h, [rows, groups, groups]. */
async function gram(
  signed: Float32Array,
  rows: number,
  cols: number,
  group: number,
  moment: InputMoment,
  product: Multiply,
): Promise<Float64Array> {
  const groups = cols / group;
  const out = new Float64Array(rows * groups * groups);
  for (let h = 0; h < groups; h++) {
    if (moment.kind !== 'full') {
      // Signs square to one, and different inputs do not meet.
      let sum = 0;
      for (let j = h * group; j < (h + 1) * group; j++) sum += momentAt(moment, j, cols);
      for (let row = 0; row < rows; row++) out[(row * groups + h) * groups + h] = sum;
      continue;
    }
    const part = new Float32Array(rows * group);
    for (let row = 0; row < rows; row++) {
      part.set(signed.subarray(row * cols + h * group, row * cols + (h + 1) * group), row * group);
    }
    const strip = moment.values.subarray(h * group * cols, (h + 1) * group * cols);
    const seen = await product(part, strip, rows, group, cols);
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < cols; j++) {
        out[(row * groups + h) * groups + Math.floor(j / group)]! +=
          seen[row * cols + j]! * signed[row * cols + j]!;
      }
    }
  }
  return out;
}
