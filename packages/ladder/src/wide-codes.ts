import type { CodedTensor } from '@zen/engine';
import { halfToNumber } from './half';

/** Widths of a wide ladder's codes at stages 0 to 3; stage 4 has the numbers themselves. */
export const WIDE_BITS = [4, 5, 6, 8] as const;

const FULL = 8;

/**
 * Eight-bit codes whose upper bits are the codes of `base`: the lower bits are the nearest point of the base
 * code's own cell to the weight. Slices of them are the codes of the stages between.
 */
export function extendCodes(
  weights: Float32Array,
  base: CodedTensor,
  rows: number,
  cols: number,
  bits: number,
  group: number,
): Uint8Array {
  const steps = 2 ** (FULL - bits);
  const top = 2 ** bits - 1;
  const groups = Math.ceil(cols / group);
  const codes = new Uint8Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const unit = halfToNumber(base.rowScale[row]!);
    for (let g = 0; g < groups; g++) {
      const scale = unit * base.scale[row * groups + g]!;
      const zero = (base.zero[row * groups + g]! * top) / 255;
      const end = row * cols + Math.min(cols, (g + 1) * group);
      for (let at = row * cols + g * group; at < end; at++) {
        const code = base.codes[at]!;
        // Position within the cell [code − ½, code + ½), in steps of the full width.
        const inside = scale === 0 ? 0 : (weights[at]! / scale + zero - code + 0.5) * steps - 0.5;
        codes[at] = code * steps + Math.min(steps - 1, Math.max(0, Math.round(inside)));
      }
    }
  }
  return codes;
}

/** The upper `bits` bits of eight-bit codes. */
export function sliceCodes(codes: Uint8Array, bits: number): Uint8Array {
  return codes.map((code) => code >> (FULL - bits));
}
