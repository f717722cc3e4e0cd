import { hostname } from 'node:os';
import {
  DescribeResponse,
  type ExpertState,
  type Load,
  type Progress,
  ReplicaState,
  type Stage,
  StageState,
} from '@zen/contracts';
import type { LadderStage } from '@zen/ladder';
import type { Serving } from './answer/answerer';
import type { ThinkerConfig } from './config';
import type { Replica } from './serving/replica';
import { nowUs } from './serving/step-loop';

type Limits = Pick<ThinkerConfig, 'maxRunning' | 'maxWaiting' | 'kvBytes'>;

export function describeThinker(replica: Replica, limits: Limits): DescribeResponse {
  const progress = progressNow(replica);
  const { serving } = replica;
  const draining = replica.draining.aborted;
  if (!serving) return DescribeResponse.fromPartial({ progress, draining });
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
    progress,
    draining,
    baseDigest: model.baseDigest,
    deltas: serving.deltas?.capacity(),
    experts: expertsNow(serving),
    host: hostname(),
  };
}

/** Absent where the model is dense. */
export function expertsNow({ experts, climb }: Serving): ExpertState | undefined {
  return experts?.state(climb.top);
}

export function loadNow({ loop }: Serving): Load {
  const {
    running,
    waiting,
    parked,
    away,
    prefillTokensWaiting,
    kvBlocksTotal,
    kvBlocksFree,
    costs,
    preemptions,
  } = loop.scheduler.load(nowUs());
  return {
    running,
    // A parked answer comes back as soon as its client reads, one that is away with its experts.
    waiting: waiting + parked + away,
    prefillTokensWaiting: BigInt(prefillTokensWaiting),
    kvBlocksTotal,
    kvBlocksFree,
    costs,
    preemptions: BigInt(preemptions),
  };
}

export function stagesNow({ model, climb, source }: Serving): Stage[] {
  const arrivals = source.progress().stages;
  return model.stages.map((stage) => {
    const arrival = arrivals[stage.stage];
    return {
      stage: stage.stage,
      bytes: BigInt(stage.bytes),
      bitsPerLinearWeight: stage.bitsPerLinearWeight,
      quality: qualityOf(stage),
      servable: stage.stage >= model.minServable,
      attached: stage.stage <= climb.top,
      state: stageState(stage.stage, climb, arrival?.state),
      bytesPresent: BigInt(arrival?.bytesPresent ?? 0),
    };
  });
}

function stageState(
  stage: number,
  { top, failures }: Serving['climb'],
  arrival: 'absent' | 'fetching' | 'complete' | undefined,
): StageState {
  if (stage <= top) return StageState.STAGE_STATE_SERVING;
  if (failures.has(stage)) return StageState.STAGE_STATE_FAILED;
  if (arrival === 'complete') return StageState.STAGE_STATE_ATTACHING;
  return arrival === 'fetching' ? StageState.STAGE_STATE_FETCHING : StageState.STAGE_STATE_ABSENT;
}

export function progressNow(replica: Replica): Progress {
  const { serving } = replica;
  const download = serving?.source.progress();
  const stages = download?.stages ?? [];
  const sum = (field: 'bytes' | 'bytesPresent') =>
    BigInt(stages.reduce((total, stage) => total + stage[field], 0));
  return {
    state: replicaState(replica),
    reason: reasonNow(replica),
    bytesPresent: sum('bytesPresent'),
    bytesTotal: sum('bytes'),
    bytesPerSecond: BigInt(Math.round(download?.bytesPerSecond ?? 0)),
    requestsInFlight: download?.requestsInFlight ?? 0,
    corruptChunks: BigInt(serving?.climb.corruptChunks ?? 0),
  };
}

function replicaState({ serving }: Replica): ReplicaState {
  if (!serving) return ReplicaState.REPLICA_STATE_ABSENT;
  const { climb } = serving;
  if (climb.complete) return ReplicaState.REPLICA_STATE_COMPLETE;
  if (climb.ready) return ReplicaState.REPLICA_STATE_SERVING;
  return climb.failures.has(climb.top + 1)
    ? ReplicaState.REPLICA_STATE_FAILED
    : ReplicaState.REPLICA_STATE_FETCHING;
}

/** What keeps it from going on, the lowest stage first; empty where nothing does. */
function reasonNow({ serving, fault }: Replica): string {
  const [lowest] = [...(serving?.climb.failures ?? [])].sort(([a], [b]) => a - b);
  if (lowest) return `stage ${lowest[0]}: ${lowest[1]}`;
  return fault ?? serving?.experts?.trouble ?? serving?.source.progress().trouble ?? '';
}

function qualityOf({ quality }: LadderStage): Stage['quality'] {
  if (quality === null) return undefined;
  return { ...quality, jsonValid: quality.jsonValid ?? undefined };
}
