import type { Replica, ReplicaLoad, StageCost } from './load';

/** Milliseconds per step at one sequence: stage 0 3, stage 1 3.1 (no saving over stage 0), 3 8, 4 11. */
const COSTS: StageCost[] = [
  { stage: 0, decodeBaseUs: 2800, decodePerSequenceUs: 200, prefillUsPerToken: 50 },
  { stage: 1, decodeBaseUs: 2890, decodePerSequenceUs: 206, prefillUsPerToken: 51 },
  { stage: 3, decodeBaseUs: 7500, decodePerSequenceUs: 500, prefillUsPerToken: 80 },
  { stage: 4, decodeBaseUs: 10000, decodePerSequenceUs: 1000, prefillUsPerToken: 100 },
];

export function load(changes: Partial<ReplicaLoad> = {}): ReplicaLoad {
  return { running: 0, waiting: 0, prefillTokensWaiting: 0, maxRunning: 8, costs: COSTS, ...changes };
}

/** A replica with stages 0, 1, 3 and 4; those below `minServable` are drafters, those above `attachedTo` absent. */
export function replica(
  changes: Partial<ReplicaLoad> = {},
  { id = 'a', minServable = 0, attachedTo = 4 } = {},
): Replica {
  const stages = [0, 1, 3, 4].map((stage) => ({
    stage,
    servable: stage >= minServable,
    attached: stage <= attachedTo,
  }));
  return { id, load: load(changes), stages };
}
