import { ATTENTION, type DeltaModel, MODULES, type Module, moduleShape } from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';

/** A recipe with what the benchmark needs to know of it. */
export interface Recipe {
  name: string;
  form: DeltaPart['form'];
  modules: readonly Module[];
  /** lora1 and lora16. */
  rank?: number;
}

/** On SmolLM2: 13.3 MB, 3.3 MB, 117 kB, 117 kB, 938 kB, 282 kB of bits and numbers. */
export const RECIPES = {
  dense1: { name: 'dense1', form: 'dense1', modules: MODULES },
  attn1: { name: 'attn1', form: 'dense1', modules: ATTENTION },
  lora1: { name: 'lora1, rank 8 of q, k, v, o', form: 'lora1', modules: ATTENTION, rank: 8 },
  lora1All: { name: 'lora1, rank 3 of all', form: 'lora1', modules: MODULES, rank: 3 },
  lora16: { name: 'lora16, rank 4 of q, k, v, o', form: 'lora16', modules: ATTENTION, rank: 4 },
  vec: { name: 'vec', form: 'vec', modules: MODULES },
} as const satisfies Record<string, Recipe>;

/** Numbers at random with a model's shapes: what a step costs does not depend on what they are. */
export function randomDelta(
  model: DeltaModel,
  { form, modules, rank = 0 }: Recipe,
  seed: number,
): DeltaPart[] {
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const { layers: count } = model;
  const layers = Int32Array.from({ length: count }, (_, i) => i);
  const bits = (bytes: number) => Uint8Array.from({ length: bytes }, random);
  /** float16 of about 1e-4, of either sign: small enough that every stream stays what it is. */
  const halves = (length: number) =>
    Uint16Array.from({ length }, () => ((random() & 1) << 15) | (0x0600 + (random() & 255)));
  /** bfloat16 of about 1e-3. */
  const brains = (length: number) =>
    Uint16Array.from({ length }, () => ((random() & 1) << 15) | (0x3a80 + (random() & 127)));
  return modules.map((module): DeltaPart => {
    const { out, in: input } = moduleShape(model, module);
    const at = { module, layers };
    switch (form) {
      case 'dense1':
        return {
          ...at,
          form,
          group: input,
          signs: bits((count * out * input) / 8),
          scales: halves(count * out),
        };
      case 'lora1': {
        const [a, b] = [bits((count * rank * input) / 8), bits((count * rank * out) / 8)];
        return { ...at, form, rank, a, b, scales: halves(count * rank) };
      }
      case 'lora16': {
        const [a, b] = [brains(count * rank * input), brains(count * rank * out)];
        return { ...at, form, rank, scale: 0.1, a, b };
      }
      default:
        return { ...at, form: 'vec', v: halves(count * out) };
    }
  });
}

/** Bytes of a delta's arrays. */
export function deltaBytes(parts: readonly DeltaPart[]): number {
  return parts
    .flatMap((part) => Object.values(part))
    .reduce((sum: number, value) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0), 0);
}
