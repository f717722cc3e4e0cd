import type { Replica } from './load';
import { outlook, type StageOutlook } from './outlook';
import type { Objective, RequestSize } from './predict';
import type { StageController } from './stage-controller';

/**
 * Why a stage was chosen: the ladder's highest; asked for by name; lowered by load; held up by a floor while
 * load asks for less; or the highest attached so far.
 */
export type StageReason = 'full' | 'pinned' | 'load' | 'floor' | 'attached';

export interface StageWish {
  /** Answer with exactly this stage, even one below the manifest's floor. */
  pin?: number | undefined;
  /** The highest floor of caller and tenant; the manifest's own floor holds besides. */
  minStage: number;
  objective: Objective;
}

export interface AdmissionPolicy {
  /** A request that would wait longer than this for its turn, even at the lowest stage allowed, is refused. */
  maxQueueMs: number;
}

interface Explained {
  /** Every stage that could have answered, lowest first, with its prediction. */
  stages: StageOutlook[];
  objective: Objective;
}

export type Decision =
  | ({ kind: 'serve'; stage: number; reason: StageReason } & Explained)
  | ({ kind: 'queue-full'; stage: number; queueMs: number; retryAfterS: number } & Explained)
  /** No replica has a stage that the wish allows: `highest` is the best attached one, or null. */
  | { kind: 'not-attached'; wanted: number; highest: number | null }
  | { kind: 'unknown-stage'; wanted: number; known: number[] };

const MAX_RETRY_AFTER_S = 120;

/** Chooses the stage of one request over the replicas of its model. Time comes in as `nowMs`. */
export function decide(
  controller: StageController,
  group: { key: string; replicas: readonly Replica[] },
  wish: StageWish,
  size: RequestSize,
  policy: AdmissionPolicy,
  nowMs: number,
): Decision {
  const { objective } = wish;
  const known = stagesOf(group.replicas);
  const top = known[known.length - 1] ?? 0;
  const highest = highestAttached(group.replicas);
  const wanted = wish.pin ?? wish.minStage;
  if (known.length > 0 && (wish.pin === undefined ? wanted > top : !known.includes(wanted))) {
    return { kind: 'unknown-stage', wanted, known };
  }
  if (wish.pin !== undefined) {
    const pinned = wish.pin;
    const stages = outlook(group.replicas, size, objective, (one) => one.stage === pinned && one.attached);
    const only = stages[0];
    if (!only) return { kind: 'not-attached', wanted: pinned, highest };
    return admit(only, 'pinned', true, stages, objective, policy);
  }

  const stages = outlook(group.replicas, size, objective, (one) => one.attached && one.servable);
  if (stages.length === 0) return { kind: 'not-attached', wanted, highest };
  // The floor of this request never moves the level that its neighbours share.
  const level = controller.choose(`${group.key} ${objective.ttftMs} ${objective.tpotMs}`, stages, nowMs);
  const lowest = stages.find((row) => row.rung && row.stage >= wish.minStage);
  if (!lowest) return { kind: 'not-attached', wanted: wish.minStage, highest };
  const floored = level < wish.minStage;
  const chosen = floored ? lowest : (stages.find((row) => row.stage === level) ?? lowest);
  const reason = reasonOf(chosen, floored, stages, top);
  return admit(chosen, reason, chosen.stage <= lowest.stage, stages, objective, policy);
}

function admit(
  chosen: StageOutlook,
  reason: StageReason,
  lowestAllowed: boolean,
  stages: StageOutlook[],
  objective: Objective,
  { maxQueueMs }: AdmissionPolicy,
): Decision {
  const queueMs = chosen.prediction?.queueMs ?? 0;
  if (lowestAllowed && queueMs > maxQueueMs) {
    const seconds = Math.ceil((queueMs - maxQueueMs) / 1000);
    const retryAfterS = Math.min(MAX_RETRY_AFTER_S, Math.max(1, seconds));
    return { kind: 'queue-full', stage: chosen.stage, queueMs, retryAfterS, stages, objective };
  }
  return { kind: 'serve', stage: chosen.stage, reason, stages, objective };
}

function reasonOf(chosen: StageOutlook, floored: boolean, stages: StageOutlook[], top: number): StageReason {
  if (chosen.stage === top) return floored ? 'floor' : 'full';
  if (floored) return 'floor';
  return chosen.stage === stages[stages.length - 1]?.stage ? 'attached' : 'load';
}

function stagesOf(replicas: readonly Replica[]): number[] {
  const all = new Set(replicas.flatMap((replica) => replica.stages.map(({ stage }) => stage)));
  return [...all].sort((a, b) => a - b);
}

function highestAttached(replicas: readonly Replica[]): number | null {
  const all = replicas.flatMap(({ stages }) =>
    stages.filter((one) => one.attached).map(({ stage }) => stage),
  );
  return all.length === 0 ? null : Math.max(...all);
}
