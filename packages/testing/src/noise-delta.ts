import { deltaModel, moduleShape } from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';
import type { ModelConfig } from '@zen/ladder';

const RANK = 2;

/** A delta of noise on q, k and v of every layer, large enough that it changes what the model says. */
export function noiseDelta(model: ModelConfig, seed: number, form: DeltaPart['form'] = 'lora1'): DeltaPart[] {
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const { layers: count, hiddenSize } = model;
  const layers = Int32Array.from({ length: count }, (_, i) => i);
  const bits = (bytes: number) => Uint8Array.from({ length: bytes }, random);
  const sign = () => (random() & 1) << 15;
  /** float16 from 0.06 to 0.12. */
  const halves = (length: number) => Uint16Array.from({ length }, () => 0x2c00 + (random() & 1023));
  /** bfloat16 from 0.12 to 0.25, of either sign. */
  const brains = (length: number) => Uint16Array.from({ length }, () => sign() | (0x3e00 + (random() & 127)));
  return (['q', 'k', 'v'] as const).map((module): DeltaPart => {
    const { out } = moduleShape(deltaModel(model), module);
    const at = { module, layers };
    switch (form) {
      case 'dense1':
        return {
          ...at,
          form,
          group: 32,
          signs: bits((count * out * hiddenSize) / 8),
          scales: halves((count * out * hiddenSize) / 32),
        };
      case 'lora1': {
        const [a, b] = [bits((count * RANK * hiddenSize) / 8), bits((count * RANK * out) / 8)];
        return { ...at, form, rank: RANK, a, b, scales: halves(count * RANK) };
      }
      case 'lora16': {
        const [a, b] = [brains(count * RANK * hiddenSize), brains(count * RANK * out)];
        return { ...at, form, rank: RANK, scale: 0.5, a, b };
      }
      default:
        // From 0.5 to 1, of either sign.
        return {
          ...at,
          form,
          v: Uint16Array.from({ length: count * out }, () => sign() | (0x3800 + (random() & 1023))),
        };
    }
  });
}
