import type { DeltaPart } from '@zen/engine';
import type { ModelConfig } from '@zen/ladder';

const RANK = 2;

/** A `lora1` of noise on q, k and v of every layer, large enough that it changes what the model says. */
export function noiseDelta(model: ModelConfig, seed: number): DeltaPart[] {
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const { layers: count, hiddenSize, heads, kvHeads, headSize } = model;
  const layers = Int32Array.from({ length: count }, (_, i) => i);
  const bits = (bytes: number) => Uint8Array.from({ length: bytes }, random);
  return (['q', 'k', 'v'] as const).map((module) => {
    const out = (module === 'q' ? heads : kvHeads) * headSize;
    return {
      module,
      layers,
      form: 'lora1',
      rank: RANK,
      a: bits((count * RANK * hiddenSize) / 8),
      b: bits((count * RANK * out) / 8),
      // float16 from 0.06 to 0.12.
      scales: Uint16Array.from({ length: count * RANK }, () => 0x2c00 + (random() & 1023)),
    };
  });
}
