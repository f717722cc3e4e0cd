import type { DeltaModel } from '@zen/deltas';
import type { LadderStage } from '@zen/ladder';
import type { Tokenizer } from '@zen/tokenizer';

/** What a thinker says and needs to know of its model. */
export interface ServedModel {
  name: string;
  architecture: string;
  contextTokens: number;
  hiddenSize: number;
  vocabSize: number;
  minServable: number;
  stages: readonly LadderStage[];
  tokenizer: Tokenizer;
  /** `sha256:<hex>` of the ladder's manifest. */
  artifactDigest: string;
  /** `sha256:<hex>` of the source's dequantized tensors: what deltas name as their base. */
  baseDigest: string;
  /** What the shapes of deltas follow from. */
  shape: DeltaModel;
  /** Which kernels run. */
  kernels: string;
}
