/** Microseconds of one decode step at a stage: `decodeBaseUs + decodePerSequenceUs * sequences`. */
export interface StageCost {
  stage: number;
  decodeBaseUs: number;
  decodePerSequenceUs: number;
  prefillUsPerToken: number;
}

/** What a replica is busy with, the caller's own requests that it has not reported yet included. */
export interface ReplicaLoad {
  running: number;
  waiting: number;
  /** Prompt tokens admitted or waiting that are not computed yet. */
  prefillTokensWaiting: number;
  /** Sequences that it decodes at once; at least 1. */
  maxRunning: number;
  /** One entry for each stage that it has measured. */
  costs: readonly StageCost[];
}

export interface StageState {
  stage: number;
  /** Passes the floors of the manifest: only such a stage answers unless it is asked for by name. */
  servable: boolean;
  /** Its bytes are attached on this replica. */
  attached: boolean;
  /** Measured against the model's own source, both 0 to 1; null where nobody has measured it. */
  top1: number | null;
  jsonValid: number | null;
}

export interface Replica {
  id: string;
  model: string;
  /** Replicas of one host take time from each other; null where it is not known, which is a host of its own. */
  host: string | null;
  load: ReplicaLoad;
  stages: readonly StageState[];
}
