import type { NativeQuant } from '@zen/engine';
import { tensorBytes } from './dense-source';
import { SOURCE_FORMATS, sourceBytes } from './source-format';
import type { SourceTensor } from './source-model';

/**
 * Greatest distance between an embedding and a head that still share codes, relative to the head's size. Q4_K and
 * Q6_K roundings of the same weights are 0.073 apart, Q5_0 and Q8_0 ones 0.043; unrelated matrices 1.4.
 */
export const SHARED_HEAD_DISTANCE = 0.12;

const ROWS_AT_ONCE = 4096;

/**
 * Whether embedding and head are two roundings of the same weights: models whose embeddings were tied before they
 * were quantized hold both.
 */
export async function sharesHead(quant: NativeQuant, tensors: Map<string, SourceTensor>): Promise<boolean> {
  const embedding = tensors.get('token_embd.weight');
  const head = tensors.get('output.weight');
  if (embedding === undefined || head === undefined) return false;
  if (SOURCE_FORMATS[embedding.type].bits === 0 || SOURCE_FORMATS[head.type].bits === 0) return false;
  const [rows, cols] = head.shape;
  const bytes = [await tensorBytes(embedding), await tensorBytes(head)] as const;
  let distance = 0;
  let size = 0;
  for (let row = 0; row < rows; row += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - row);
    const part = ({ type }: SourceTensor, all: Uint8Array) => {
      const perRow = sourceBytes(type, 1, cols);
      return quant.dequantize(type, all.subarray(row * perRow, (row + count) * perRow), count, cols);
    };
    const a = await part(embedding, bytes[0]);
    const b = await part(head, bytes[1]);
    for (let i = 0; i < b.length; i++) {
      distance += (a[i]! - b[i]!) ** 2;
      size += b[i]! ** 2;
    }
  }
  return Math.sqrt(distance / size) <= SHARED_HEAD_DISTANCE;
}
