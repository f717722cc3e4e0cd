import { type Progress, ReplicaState, type Stage, StageState } from '@zen/contracts';
import type { Group } from '../fleet/fleet';
import { modelBody } from '../http/model-body';

/** Replicas of a model that are shown one by one. */
const MAX_REPLICAS = 16;

const REPLICA_STATE: Record<ReplicaState, string> = {
  [ReplicaState.REPLICA_STATE_UNSPECIFIED]: 'unknown',
  [ReplicaState.UNRECOGNIZED]: 'unknown',
  [ReplicaState.REPLICA_STATE_ABSENT]: 'absent',
  [ReplicaState.REPLICA_STATE_FETCHING]: 'fetching',
  [ReplicaState.REPLICA_STATE_SERVING]: 'serving',
  [ReplicaState.REPLICA_STATE_COMPLETE]: 'complete',
  [ReplicaState.REPLICA_STATE_FAILED]: 'failed',
};

const STAGE_STATE: Record<StageState, string> = {
  [StageState.STAGE_STATE_UNSPECIFIED]: 'unknown',
  [StageState.UNRECOGNIZED]: 'unknown',
  [StageState.STAGE_STATE_ABSENT]: 'absent',
  [StageState.STAGE_STATE_FETCHING]: 'fetching',
  [StageState.STAGE_STATE_ATTACHING]: 'attaching',
  [StageState.STAGE_STATE_SERVING]: 'serving',
  [StageState.STAGE_STATE_FAILED]: 'failed',
};

/** What a replica tells of itself; addresses are nobody's business outside. */
export interface ReplicaReport {
  stages: readonly Stage[];
  progress: Progress | undefined;
}

/** Every model as `/v1/models` shows it, with how far each of its replicas has climbed. */
export function progressBody(groups: readonly Group[]) {
  return {
    models: groups.map((group) => ({
      ...modelBody(group),
      replica_count: group.links.length,
      replicas: group.links.slice(0, MAX_REPLICAS).map(replicaBody),
    })),
  };
}

export function replicaBody({ stages, progress }: ReplicaReport) {
  return {
    state: REPLICA_STATE[progress?.state ?? ReplicaState.REPLICA_STATE_UNSPECIFIED],
    reason: progress?.reason ?? '',
    bytes_present: Number(progress?.bytesPresent ?? 0),
    bytes_total: Number(progress?.bytesTotal ?? 0),
    bytes_per_second: Number(progress?.bytesPerSecond ?? 0),
    requests_in_flight: progress?.requestsInFlight ?? 0,
    corrupt_chunks: Number(progress?.corruptChunks ?? 0),
    stages: stages.map(({ stage, state, bytesPresent, attached }) => ({
      stage,
      state: STAGE_STATE[state],
      bytes_present: Number(bytesPresent),
      attached,
    })),
  };
}
