import { createCipheriv, createHash } from 'node:crypto';
import { type DeltaModel, moduleShape, RECIPE, toHalf, writeDelta } from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';

export interface RandomDelta {
  /** `sha256:<hex>` of the base. */
  base: string;
  model: DeltaModel;
  recipe: 'lora1' | 'dense1';
  /** Of lora1. */
  rank?: number;
  /** Columns that share a scale, of dense1; 0 is a whole row. */
  group?: number;
  /** Of every sign: 2^-11 leaves answers nearly as they are, 2^-5 changes them. */
  scale: number;
  /** The same delta for the same number. */
  seed: number;
}

/** A valid delta file of random signs over a model whose rows are whole bytes; lora1 changes attention alone. */
export function randomDelta(wanted: RandomDelta): { file: Buffer; digest: string } {
  const { base, model, recipe, rank = 4, group = 0, seed } = wanted;
  const random = keyStream(seed);
  const layers = Int32Array.from({ length: model.layers }, (_, layer) => layer);
  const modules = recipe === 'lora1' ? (['q', 'k', 'v', 'o'] as const) : RECIPE.dense1.modules;
  const parts = modules.map((module): DeltaPart => {
    const shape = moduleShape(model, module);
    const bits = (rows: number, width: number) => {
      if (width % 8 !== 0) throw new Error(`rows of ${width} bits would need padding`);
      return random((model.layers * rows * width) / 8);
    };
    const scales = (count: number) => new Uint16Array(model.layers * count).fill(toHalf(wanted.scale));
    return recipe === 'lora1'
      ? {
          module,
          layers,
          form: 'lora1',
          rank,
          a: bits(rank, shape.in),
          b: bits(rank, shape.out),
          scales: scales(rank),
        }
      : {
          module,
          layers,
          form: 'dense1',
          group: group || shape.in,
          signs: bits(shape.out, shape.in),
          scales: scales(shape.out * (shape.in / (group || shape.in))),
        };
  });
  return writeDelta({ base, recipe, model, parts });
}

/** Bytes that nobody can compress. */
function keyStream(seed: number): (count: number) => Uint8Array {
  const key = createHash('sha256').update(`delta ${seed}`).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  return (count) => new Uint8Array(cipher.update(Buffer.alloc(count)));
}
