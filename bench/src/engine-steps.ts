import type { StepBackend } from '@zen/batching';
import type { NativeModel } from '@zen/engine';

/** The engine behind the scheduler's port. */
export const backendOf = (model: NativeModel): StepBackend => ({
  blockTokens: model.stats().kvBlockTokens,
  createSequence: (sampling, sampled, identity) => model.createSequence(sampling, sampled, identity),
  freeSequence: (sequence) => model.freeSequence(sequence),
  matchPrefix: (sequence, stage, tokens) => model.matchPrefix(sequence, stage, tokens),
  truncate: (sequence, length) => model.truncate(sequence, length),
  step: (items) => model.step(items),
  kv: () => {
    const { kvBlocksTotal, kvBlocksFree } = model.stats();
    return { blocksTotal: kvBlocksTotal, blocksFree: kvBlocksFree };
  },
});
