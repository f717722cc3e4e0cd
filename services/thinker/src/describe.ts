import type { DescribeResponse, Load, Stage } from '@zen/contracts';
import type { LadderStage } from '@zen/ladder';
import type { Serving } from './answer/answerer';
import type { ThinkerConfig } from './config';

type Limits = Pick<ThinkerConfig, 'maxRunning' | 'maxWaiting' | 'kvBytes'>;

export function describeThinker(serving: Serving, limits: Limits): DescribeResponse {
  const { model, loop } = serving;
  return {
    model: model.name,
    architecture: model.architecture,
    stages: stagesNow(serving),
    minServableStage: model.minServable,
    limits: {
      contextTokens: loop.scheduler.contextTokens,
      maxRunning: limits.maxRunning,
      maxWaiting: limits.maxWaiting,
      kvBytes: BigInt(limits.kvBytes),
      maxPromptBytes: serving.limits.promptBytes,
    },
    load: loadNow(serving),
    kernels: model.kernels,
    hiddenSize: model.hiddenSize,
    vocabSize: model.vocabSize,
    artifactDigest: model.artifactDigest,
  };
}

export function loadNow({ loop }: Serving): Load {
  const { running, waiting, parked, prefillTokensWaiting, kvBlocksTotal, kvBlocksFree, costs, preemptions } =
    loop.scheduler.load();
  return {
    running,
    // A parked answer comes back as soon as its client reads.
    waiting: waiting + parked,
    prefillTokensWaiting: BigInt(prefillTokensWaiting),
    kvBlocksTotal,
    kvBlocksFree,
    costs,
    preemptions: BigInt(preemptions),
  };
}

export function stagesNow({ model, climb }: Serving): Stage[] {
  return model.stages.map((stage) => ({
    stage: stage.stage,
    bytes: BigInt(stage.bytes),
    bitsPerLinearWeight: stage.bitsPerLinearWeight,
    quality: qualityOf(stage),
    servable: stage.stage >= model.minServable,
    attached: stage.stage <= climb.top,
  }));
}

function qualityOf({ quality }: LadderStage): Stage['quality'] {
  if (quality === null) return undefined;
  return { ...quality, jsonValid: quality.jsonValid ?? undefined };
}
