import type { DeltaModel } from '../modules';

/** What decides the bytes of a base model, of its KV cache and of deltas to it. */
export interface BaseShape extends DeltaModel {
  name: string;
  /** All weights, embeddings included. */
  parameters: number;
  /** Feed-forward parts in a layer, each `ffn` wide: 1, or as many as a mixture has experts. */
  experts: number;
}

/** Bases by name, as their makers' config.json files have them. */
export const BASES: readonly BaseShape[] = [
  {
    name: 'smollm2-135m',
    parameters: 134_515_008,
    layers: 30,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    headSize: 64,
    ffn: 1536,
    experts: 1,
  },
  {
    name: 'qwen3-4b',
    parameters: 4_022_468_096,
    layers: 36,
    hidden: 2560,
    heads: 32,
    kvHeads: 8,
    headSize: 128,
    ffn: 9728,
    experts: 1,
  },
  {
    name: 'qwen3-30b-a3b',
    parameters: 30_532_122_624,
    layers: 48,
    hidden: 2048,
    heads: 32,
    kvHeads: 4,
    headSize: 128,
    ffn: 768,
    experts: 128,
  },
];
