import type { PartManifest } from '../manifest';
import { ATTENTION, type Module, moduleShape, RECIPE, type Recipe } from '../modules';
import { tensorTable } from '../tensor-table';
import type { BaseShape } from './base-shape';

/** What a delta is made of, as far as its size goes. */
export interface DeltaSize {
  recipe: Recipe;
  modules: readonly Module[];
  /** 1 to 256; counts for lora1 and lora16. */
  rank: number;
  /** Columns that share a scale, for dense1 and attn1: a divisor of every module's inputs; 0 is one scale a row. */
  group: number;
}

/** A delta of a recipe, which changes attention alone where it is a low-rank one, unless modules are named. */
export function deltaSize(
  recipe: Recipe,
  { rank = 4, group = 0, modules }: { rank?: number; group?: number; modules?: readonly Module[] } = {},
): DeltaSize {
  const usual = recipe.startsWith('lora') ? ATTENTION : RECIPE[recipe].modules;
  return { recipe, modules: modules ?? usual, rank, group };
}

/** Bytes of a delta's data, by the same table that its file follows. Every expert of a mixture counts as a layer. */
export function deltaDataBytes(base: BaseShape, { recipe, modules, rank, group }: DeltaSize): number {
  const part = (module: Module): PartManifest => {
    const { out, in: columns } = moduleShape(base, module);
    const count = base.layers * (ATTENTION.includes(module) ? 1 : base.experts);
    const shape = { layers: Array.from({ length: count }, (_, layer) => layer), out, in: columns };
    const { form } = RECIPE[recipe];
    switch (form) {
      case 'dense1':
        if (group !== 0 && columns % group !== 0) {
          throw new RangeError(`group: ${group} columns do not divide the ${columns} of ${module}`);
        }
        return { ...shape, form, group: group || columns };
      case 'lora1':
        return { ...shape, form, rank };
      case 'lora16':
        return { ...shape, form, rank, scale: 1 };
      case 'vec':
        return { ...shape, form };
    }
  };
  const parts = Object.fromEntries(modules.map((module) => [module, part(module)]));
  return tensorTable({ parts }).reduce((sum, { bytes }) => sum + bytes, 0);
}
