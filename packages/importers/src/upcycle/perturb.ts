import type { SourceType } from '@zen/ladder';
import { floatToHalf, halfToFloat } from '../quant/half';
import { BLOCK_LAYOUT } from '../tensor-layout';
import type { Random } from './random';

/** Where the half-precision factors of all values of a block stand in it. */
const FACTORS: Readonly<Record<Exclude<SourceType, 'F32' | 'BF16'>, readonly number[]>> = {
  F16: [0],
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

/** Half a float32's range of bfloat16 steps, to round to the nearest. */
const BF16_HALF = 0x8000;

/**
 * A copy in which every block (of a plain type: every number) is times 1 + `size` · normal: the codes stay, so a
 * quantized tensor remains one of its type exactly.
 */
export function perturb(type: SourceType, bytes: Uint8Array, size: number, random: Random): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const step = BLOCK_LAYOUT[type].bytes;
  for (let at = 0; at < out.byteLength; at += step) {
    const factor = 1 + size * random.normal();
    if (type === 'F32') view.setFloat32(at, view.getFloat32(at, true) * factor, true);
    else if (type === 'BF16') scaleBf16(view, at, factor);
    else for (const place of FACTORS[type]) scaleHalf(view, at + place, factor);
  }
  return out;
}

function scaleHalf(view: DataView, at: number, factor: number): void {
  view.setUint16(at, floatToHalf(halfToFloat(view.getUint16(at, true)) * factor), true);
}

function scaleBf16(view: DataView, at: number, factor: number): void {
  const scratch = new DataView(new ArrayBuffer(4));
  scratch.setUint32(0, view.getUint16(at, true) << 16);
  scratch.setFloat32(0, scratch.getFloat32(0) * factor);
  view.setUint16(at, (scratch.getUint32(0) + BF16_HALF) >>> 16, true);
}
