import { toHalf } from '../float16';
import { signBits } from '../sign-bits';
import { transposed } from './low-rank';

/**
 * A LoRA whose factors already are signs times a size (one for each row of `a` [rank, cols] and each column of `b`
 * [rows, rank]) as it is, up to the rounding of scale·|a_r|·|b_r| to f16; null for any other.
 */
export function takeLora1(
  a: Float32Array,
  b: Float32Array,
  rank: number,
  scale: number,
): { a: Uint8Array; b: Uint8Array; scales: Uint16Array } | null {
  const [cols, rows] = [a.length / rank, b.length / rank];
  const right = transposed(b, rows, rank);
  const scales = new Uint16Array(rank);
  for (let r = 0; r < rank; r++) {
    const sizeA = sizeOf(a.subarray(r * cols, (r + 1) * cols));
    const sizeB = sizeOf(right.subarray(r * rows, (r + 1) * rows));
    if (sizeA === null || sizeB === null) return null;
    const value = scale * sizeA * sizeB;
    scales[r] = toHalf(Math.abs(value));
    // A negative scale of the whole adapter is its left side turned round.
    if (value < 0) for (let i = r * rows; i < (r + 1) * rows; i++) right[i] = -right[i]!;
  }
  return { a: signBits(a, rank, cols), b: signBits(right, rank, rows), scales };
}

/** |value| of all, or null where they differ. */
function sizeOf(values: Float32Array): number | null {
  const size = Math.abs(values[0]!);
  return values.every((value) => Math.abs(value) === size) ? size : null;
}
