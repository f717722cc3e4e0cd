import type { DeltaPart } from '@zen/engine';
import { fromBfloat, fromHalf } from './float16';

/**
 * The scalar reference: changes `y` = W x of one module of one layer as the part says. `x` has the module's inputs,
 * `y` its outputs; `layer` is the model's, and a part that does not name it changes nothing. Sums are float64.
 */
export function applyDelta(part: DeltaPart, layer: number, x: Float32Array, y: Float32Array): void {
  const at = part.layers.indexOf(layer);
  if (at < 0) return;
  const [rows, cols] = [y.length, x.length];
  switch (part.form) {
    case 'dense1': {
      const groups = cols / part.group;
      const rowBytes = Math.ceil(cols / 8);
      for (let i = 0; i < rows; i++) {
        const row = at * rows + i;
        let sum = 0;
        for (let g = 0; g < groups; g++) {
          const scale = fromHalf(part.scales[row * groups + g]!);
          sum += scale * signedSum(part.signs, row * rowBytes, x, g * part.group, (g + 1) * part.group);
        }
        y[i]! += sum;
      }
      return;
    }
    case 'lora1': {
      const [aBytes, bBytes] = [Math.ceil(cols / 8), Math.ceil(rows / 8)];
      for (let r = 0; r < part.rank; r++) {
        const row = at * part.rank + r;
        const inner = fromHalf(part.scales[row]!) * signedSum(part.a, row * aBytes, x, 0, cols);
        for (let i = 0; i < rows; i++) y[i]! += signAt(part.b, row * bBytes, i) * inner;
      }
      return;
    }
    case 'lora16':
      for (let r = 0; r < part.rank; r++) {
        let inner = 0;
        for (let j = 0; j < cols; j++) inner += fromBfloat(part.a[(at * part.rank + r) * cols + j]!) * x[j]!;
        for (let i = 0; i < rows; i++) {
          y[i]! += part.scale * inner * fromBfloat(part.b[(at * rows + i) * part.rank + r]!);
        }
      }
      return;
    case 'vec':
      for (let i = 0; i < rows; i++) y[i]! *= 1 + fromHalf(part.v[at * rows + i]!);
  }
}

/** Σ sign[j]·x[j] for j in [from, to). */
function signedSum(bits: Uint8Array, start: number, x: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let j = from; j < to; j++) sum += signAt(bits, start, j) * x[j]!;
  return sum;
}

/** +1 or −1: bit `index` of the row that starts at byte `start`, the lowest bit of a byte first. */
export function signAt(bits: Uint8Array, start: number, index: number): number {
  return (bits[start + (index >> 3)]! >> (index & 7)) & 1 ? 1 : -1;
}
