import { type BaseShape, deltaModel } from '@zen/deltas';
import type { LadderConfig } from '@zen/ladder';

/** A ladder's model as a base of deltas. */
export function baseOfLadder({ name, model, tensors }: LadderConfig): BaseShape {
  return {
    name,
    parameters: tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0),
    ...deltaModel(model),
    experts: 1,
  };
}
