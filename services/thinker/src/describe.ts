import {
  type DescribeResponse,
  type Load,
  type Progress,
  ReplicaState,
  type Stage,
  StageState,
} from '@zen/contracts';
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
    progress: progressNow(serving),
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
    state: stage.stage <= climb.top ? StageState.STAGE_STATE_SERVING : StageState.STAGE_STATE_ATTACHING,
    bytesPresent: BigInt(stage.bytes),
  }));
}

/** All bytes are in the folder from the start; only attaching takes time. */
export function progressNow({ model, climb }: Serving): Progress {
  const bytes = BigInt(model.stages.reduce((sum, stage) => sum + stage.bytes, 0));
  const complete = climb.top === model.stages.length - 1;
  const state = complete
    ? ReplicaState.REPLICA_STATE_COMPLETE
    : climb.ready
      ? ReplicaState.REPLICA_STATE_SERVING
      : ReplicaState.REPLICA_STATE_FETCHING;
  return {
    state,
    reason: '',
    bytesPresent: bytes,
    bytesTotal: bytes,
    bytesPerSecond: 0n,
    requestsInFlight: 0,
    corruptChunks: 0n,
  };
}

function qualityOf({ quality }: LadderStage): Stage['quality'] {
  if (quality === null) return undefined;
  return { ...quality, jsonValid: quality.jsonValid ?? undefined };
}
