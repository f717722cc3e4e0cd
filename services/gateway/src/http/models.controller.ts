import { Controller, Get, Inject, Param } from '@nestjs/common';
import { describeModel } from '../fleet/describe-model';
import type { Fleet, Group } from '../fleet/fleet';
import { FLEET } from '../tokens';

@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(FLEET) private readonly fleet: Fleet) {}

  @Get()
  list() {
    return { object: 'list', data: this.fleet.models().map(modelBody) };
  }

  /** A model's name may hold slashes. */
  @Get('*')
  one(@Param('*') id: string) {
    return modelBody(this.fleet.group(id));
  }
}

/** OpenAI's fields, then ours: every stage with its measured quality. */
function modelBody(group: Group) {
  const { id, stages, minServableStage, contextTokens } = describeModel(group);
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'zen',
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
