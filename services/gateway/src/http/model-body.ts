import { describeModel } from '../fleet/describe-model';
import type { Group } from '../fleet/fleet';

/** OpenAI's fields, then ours: every stage with its measured quality. */
export function modelBody(group: Group) {
  const { id, stages, minServableStage, contextTokens, family } = describeModel(group);
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'zen',
    family: family === '' ? null : family,
    context_tokens: contextTokens,
    min_servable_stage: minServableStage,
    stages: stages.map(({ stage, bytes, bitsPerLinearWeight, quality, servable, attached }) => ({
      stage,
      bytes: Number(bytes),
      bits_per_linear_weight: bitsPerLinearWeight,
      servable,
      attached,
      quality: quality
        ? {
            top1: quality.top1,
            kl_mean: quality.klMean,
            kl_p99: quality.klP99,
            perplexity_ratio: quality.perplexityRatio,
            json_valid: quality.jsonValid,
          }
        : null,
    })),
  };
}
