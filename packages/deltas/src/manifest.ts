import type { DeltaModel, Module, Recipe } from './modules';

/** What a delta file says of itself; see docs/delta-format.md. No tenant and no time: same content, same id. */
export interface DeltaManifest {
  schema: 'zen.delta/1';
  /** `sha256:<hex>`: the base ladder's `source.tensorsSha256`. */
  base: string;
  recipe: Recipe;
  model: DeltaModel;
  bitOrder: 'lsb';
  signOfZero: 1;
  scaleType: 'f16';
  parts: Partial<Record<Module, PartManifest>>;
  data: { sha256: string; bytes: number };
}

interface PartShape {
  /** Ascending. */
  layers: number[];
  out: number;
  in: number;
}

export type PartManifest =
  | (PartShape & { form: 'dense1'; group: number })
  | (PartShape & { form: 'lora1'; rank: number })
  | (PartShape & { form: 'lora16'; rank: number; scale: number })
  | (PartShape & { form: 'vec' });

export const SCHEMA = 'zen.delta/1';
export const MAX_RANK = { lora1: 64, lora16: 256 } as const;
/** Above any manifest: seven parts of 1,024 layers each. */
export const MAX_HEADER_BYTES = 256 * 1024;
/** What one buffer of Node 20 can hold; a reader may set less. */
export const MAX_DATA_BYTES = 2 ** 32 - 1;
