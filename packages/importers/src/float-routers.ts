import { isRouter, type SourceTensor } from '@zen/ladder';
import { dequantize } from './quant/dequantize';

/** Routers as float32, whatever they are stored as: a ladder keeps them so. The values stay the same. */
export function floatRouters(tensors: readonly SourceTensor[]): SourceTensor[] {
  return tensors.map((tensor) => {
    if (!isRouter(tensor.name) || tensor.type === 'F32') return tensor;
    const bytes = async () => new Uint8Array(dequantize(tensor.type, await tensor.bytes()).buffer);
    return { ...tensor, type: 'F32', bytes };
  });
}
