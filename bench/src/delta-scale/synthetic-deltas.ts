import type { DeltaModel } from '@zen/deltas';
import { randomDelta } from '@zen/testing';

/** Of ten users two keep 117 KB, three 59 KB and five 29 KB (SmolLM2): lora1 of attention as `zen delta build` makes it. */
const RANKS = [2, 2, 2, 2, 2, 4, 4, 4, 8, 8];
/** Small against the base's own outputs, so that answers stay answers. */
const SCALE = 2 ** -11;

export interface Population {
  /** `sha256:<hex>` of the base. */
  base: string;
  model: DeltaModel;
  /** Deltas of each tenant. */
  perTenant: number;
}

export const tenantOf = ({ perTenant }: Pick<Population, 'perTenant'>, index: number): string =>
  `tenant-${Math.floor(index / perTenant)}`;

/** The file of delta `index`, 0 and up, the same for the same index. */
export function syntheticDelta({ base, model }: Population, index: number): { file: Buffer; digest: string } {
  const rank = RANKS[index % RANKS.length]!;
  return randomDelta({ base, model, recipe: 'lora1', rank, scale: SCALE, seed: index });
}
