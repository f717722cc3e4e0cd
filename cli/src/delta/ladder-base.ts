import type { BaseShape } from '@zen/deltas';
import type { LadderConfig } from '@zen/ladder';

/** A ladder's model as a base of deltas. */
export function baseOfLadder({ name, model, tensors }: LadderConfig): BaseShape {
  return {
    name,
    parameters: tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0),
    layers: model.layers,
    hidden: model.hiddenSize,
    heads: model.heads,
    kvHeads: model.kvHeads,
    headSize: model.headSize,
    ffn: model.ffnSize,
    experts: 1,
  };
}
