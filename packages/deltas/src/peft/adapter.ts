import type { Module } from '../modules';

/** A PEFT adapter, its rows in the base's order. Keys are `<layer>.<module>`. */
export type Adapter =
  | { kind: 'lora'; modules: Map<string, LoraFactors> }
  /** y = l ⊙ (W x): what a module's outputs are multiplied with. */
  | { kind: 'ia3'; modules: Map<string, Float32Array> };

/** y += scale · B A x. */
export interface LoraFactors {
  rank: number;
  scale: number;
  /** [rank, in] */
  a: Float32Array;
  /** [out, rank] */
  b: Float32Array;
}

export const moduleKey = (layer: number, module: Module): string => `${layer}.${module}`;
