import { ATTENTION, MODULES, moduleShape, RECIPE } from '../modules';
import type { BaseShape } from './base-shape';
import type { DeltaSize } from './delta-size';

/** Rows of a kernel's tile, and the columns of the smallest group of a dense delta, as the engine lays them out. */
const TILE_ROWS = 16;
const DENSE_GROUP = 32;

/** Most slots of one engine; what fits beyond them needs another process. */
export const ENGINE_SLOTS = { small: 65_536, dense: 4096 } as const;

/**
 * Bytes of the engine's slot for a delta: its arrays in the kernels' layout, each rounded up to 64 bytes. `dense1` goes
 * to the slots of fixed size that hold signs of all modules with scales of the smallest groups, whatever it has itself.
 */
export function slotBytes(base: BaseShape, { recipe, modules, rank, group }: DeltaSize): number {
  const dense = recipe === 'dense1';
  return (dense ? MODULES : modules).reduce((sum, module) => {
    const { out, in: columns } = moduleShape(base, module);
    const count = base.layers * (ATTENTION.includes(module) ? 1 : base.experts);
    const tiles = Math.ceil(out / TILE_ROWS);
    const arrays = () => {
      const { form } = RECIPE[recipe];
      switch (form) {
        case 'dense1': {
          const groups = columns / (dense ? DENSE_GROUP : group || columns);
          return [2 * tiles * columns, 2 * TILE_ROWS * tiles * groups];
        }
        case 'lora1':
          return [(rank * columns) / 8, 2 * tiles * rank, 2 * rank];
        case 'lora16':
          return [2 * rank * columns, 2 * TILE_ROWS * tiles * rank];
        case 'vec':
          return [2 * out];
      }
    };
    return arrays().reduce((bytes, one) => bytes + Math.ceil((count * one) / 64) * 64, sum);
  }, 0);
}
