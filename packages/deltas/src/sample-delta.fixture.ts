import type { DeltaPart } from '@zen/engine';
import { toBfloat, toHalf } from './float16';
import { type DeltaModel, MODULES, type Module, moduleShape, RECIPE, type Recipe } from './modules';

/** Odd sizes, so that rows of bits end inside a byte. */
export const SAMPLE_MODEL: DeltaModel = { layers: 3, hidden: 20, ffn: 36, heads: 3, kvHeads: 1, headSize: 6 };
export const SAMPLE_BASE = `sha256:${'ab'.repeat(32)}`;

/** A seeded source of numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

export interface SampleOptions {
  recipe: Recipe;
  seed?: number;
  model?: DeltaModel;
  modules?: readonly Module[];
  layers?: number[];
  rank?: number;
  /** Columns of a group; 0: a whole row. */
  group?: number;
}

/** Random parts of a recipe's form. */
export function sampleParts(options: SampleOptions): DeltaPart[] {
  const { recipe, model = SAMPLE_MODEL, layers = [0, 2], rank = 2, group = 0 } = options;
  const next = random(options.seed ?? 1);
  const { form, modules } = RECIPE[recipe];
  const bits = (rows: number, cols: number) => {
    const bytes = new Uint8Array(rows * Math.ceil(cols / 8));
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) {
        if (next() < 0.5) bytes[row * Math.ceil(cols / 8) + (col >> 3)]! |= 1 << (col & 7);
      }
    }
    return bytes;
  };
  const words = (count: number, code: (value: number) => number) =>
    Uint16Array.from({ length: count }, () => code(next() - 0.5));
  const partOf = (module: Module): DeltaPart => {
    const { out, in: cols } = moduleShape(model, module);
    const part = { module, layers: Int32Array.from(layers) };
    const count = layers.length;
    switch (form) {
      case 'dense1': {
        const width = group || cols;
        const scales = words((count * out * cols) / width, toHalf);
        return { ...part, form, group: width, signs: bits(count * out, cols), scales };
      }
      case 'lora1': {
        const [a, b] = [bits(count * rank, cols), bits(count * rank, out)];
        return { ...part, form, rank, a, b, scales: words(count * rank, toHalf) };
      }
      case 'lora16': {
        const [a, b] = [words(count * rank * cols, toBfloat), words(count * out * rank, toBfloat)];
        return { ...part, form, rank, scale: 2, a, b };
      }
      case 'vec':
        return { ...part, form, v: words(count * out, toHalf) };
    }
  };
  return (options.modules ?? MODULES.filter((module) => modules.includes(module))).map(partOf);
}
