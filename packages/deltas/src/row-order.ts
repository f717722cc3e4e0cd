import type { DeltaModel, Module } from './modules';

/**
 * How the rows of q and k lie inside a head: `half` rotates row i with i + headSize/2 (Hugging Face), `interleaved`
 * rotates neighbours (llama models in GGUF). A ladder has the order of its source.
 */
export type RowOrder = 'interleaved' | 'half';

/** Rows of a module in the order `to`, given in the order `from`; `width` values a row. */
export function reorderRows<T extends Float32Array | Uint16Array>(
  values: T,
  width: number,
  module: Module,
  { headSize }: DeltaModel,
  from: RowOrder,
  to: RowOrder,
): T {
  if (from === to || (module !== 'q' && module !== 'k')) return values;
  const half = headSize / 2;
  const result = values.slice() as T;
  for (let row = 0; row * width < values.length; row++) {
    const [head, within] = [row - (row % headSize), row % headSize];
    const source =
      to === 'interleaved'
        ? head + (within % 2) * half + (within >> 1)
        : head + 2 * (within % half) + Math.floor(within / half);
    result.set(values.subarray(source * width, (source + 1) * width), row * width);
  }
  return result;
}
