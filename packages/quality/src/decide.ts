import type { Corrections } from './corrections';
import { allowedBy, type Floors } from './floors';
import type { Replica } from './load';
import { type OutlookContext, outlook, type RungOutlook } from './outlook';
import { type PlacedRung, placeRungs } from './place-rungs';
import type { Demand, Objective } from './predict';
import type { RungGroup } from './rung';
import type { Choice, RungController } from './rung-controller';

/**
 * Why a rung was chosen: the group's best; asked for by name; lowered by load; lowered because a more important
 * class is; held up by a floor while load asks for less; or the best attached so far.
 */
export type RungReason = 'full' | 'pinned' | 'load' | 'priority' | 'floor' | 'attached';

export interface RungWish extends Floors {
  /** Answer with exactly this stage, even one below the manifest's floor; of a family, by its best member. */
  pin?: number | undefined;
  objective: Objective;
  /** Whether the objective is the server's own for this priority. */
  standard: boolean;
  /** Higher is more important. */
  priority: number;
  /** Its own bound instead of the policy's. */
  maxQueueMs?: number;
}

export interface AdmissionPolicy {
  /** A request that would wait longer than this for its turn at every rung allowed is refused. */
  maxQueueMs: number;
}

interface Explained {
  /** Every rung that could have answered, lowest first, with its prediction. */
  rungs: RungOutlook[];
  objective: Objective;
}

export type Decision =
  | ({ kind: 'serve'; model: string; stage: number; reason: RungReason } & Explained)
  | ({ kind: 'queue-full'; model: string; stage: number; queueMs: number; retryAfterS: number } & Explained)
  /** No replica has a rung that the wish allows: `highest` is the stage of the best attached one, or null. */
  | { kind: 'not-attached'; wanted: number; highest: number | null }
  | { kind: 'unknown-stage'; wanted: number; known: number[] };

export interface DecideContext {
  controller: RungController;
  corrections: Corrections;
  demand: Demand;
  admission: AdmissionPolicy;
  nowMs: number;
}

const MAX_RETRY_AFTER_S = 120;

/** Chooses the rung of one request over the replicas of its group. Time comes in through the context. */
export function decide(group: RungGroup, wish: RungWish, context: DecideContext): Decision {
  const { objective } = wish;
  const rungs = placeRungs(group);
  const known = [...new Set(rungs.map(({ stage }) => stage))].sort((a, b) => a - b);
  const wanted = wish.pin ?? wish.minStage;
  const top = known.at(-1) ?? 0;
  if (known.length > 0 && (wish.pin === undefined ? wanted > top : !known.includes(wanted))) {
    return { kind: 'unknown-stage', wanted, known };
  }
  const highest = rungs.findLast((rung) => isAttached(rung, group.replicas))?.stage ?? null;
  const look = lookOf(context, objective);
  if (wish.pin !== undefined) {
    const pinned = rungs.filter(({ stage }) => stage === wish.pin);
    const rows = outlook(pinned, group.replicas, ({ attached }) => attached, look);
    const best = rows.at(-1);
    if (!best) return { kind: 'not-attached', wanted, highest };
    return admit(best, 'pinned', [best], rows, wish, context.admission);
  }

  const rows = outlook(rungs, group.replicas, ({ attached, servable }) => attached && servable, look);
  // While the best member has not been seen, nobody knows the group's best rung.
  const complete = rungs.some(({ model }) => model === group.members[0]?.model);
  if (rows.length === 0 || (wish.full && !complete)) return { kind: 'not-attached', wanted, highest };
  // The floors of this request never move the level that its neighbours share.
  const level = context.controller.choose({ ...wish, group: group.key }, rows, context.nowMs);
  const permitted = new Set(allowedBy(wish, rungs).map(({ place }) => place));
  const allowed = rows.filter((row) => permitted.has(row.place));
  const chosen = context.controller.seat(nearest(level.row, allowed), allowed);
  if (!chosen) return { kind: 'not-attached', wanted: wish.full ? top : wanted, highest };
  const reason = reasonOf(chosen, level, rows, complete ? rungs.at(-1) : undefined);
  return admit(chosen, reason, allowed, rows, wish, context.admission);
}

/** What all predictions of one moment share. */
export function lookOf(
  { corrections, demand, nowMs }: Pick<DecideContext, 'corrections' | 'demand' | 'nowMs'>,
  objective: Objective,
): OutlookContext {
  return { demand, objective, corrections, nowMs };
}

/** The level itself; else the lowest rung above it that is allowed; else the best one below. */
function nearest(level: RungOutlook, allowed: readonly RungOutlook[]): RungOutlook | undefined {
  if (allowed.includes(level)) return level;
  const above = allowed.filter(({ place }) => place > level.place);
  return above.find(({ rung }) => rung) ?? above[0] ?? allowed.at(-1);
}

function admit(
  chosen: RungOutlook,
  reason: RungReason,
  allowed: readonly RungOutlook[],
  rungs: RungOutlook[],
  { objective, maxQueueMs: own }: RungWish,
  policy: AdmissionPolicy,
): Decision {
  const { model, stage } = chosen;
  const maxQueueMs = own ?? policy.maxQueueMs;
  const rungsAllowed = allowed.filter(({ rung }) => rung);
  const choices = rungsAllowed.length > 0 ? rungsAllowed : allowed;
  const queueMs = Math.min(...choices.map(({ prediction }) => prediction?.queueMs ?? 0));
  if (queueMs > maxQueueMs) {
    const seconds = Math.ceil((queueMs - maxQueueMs) / 1000);
    const retryAfterS = Math.min(MAX_RETRY_AFTER_S, Math.max(1, seconds));
    const lowest = choices[0] ?? chosen;
    const { model, stage } = lowest;
    return { kind: 'queue-full', model, stage, queueMs, retryAfterS, rungs, objective };
  }
  return { kind: 'serve', model, stage, reason, rungs, objective };
}

function reasonOf(
  chosen: RungOutlook,
  level: Choice,
  rows: RungOutlook[],
  best: PlacedRung | undefined,
): RungReason {
  if (chosen.place > level.row.place) return 'floor';
  if (chosen.place === best?.place) return 'full';
  if (chosen.place === rows.at(-1)?.place) return 'attached';
  return level.held ? 'priority' : 'load';
}

function isAttached(rung: PlacedRung, replicas: readonly Replica[]): boolean {
  return replicas.some(
    ({ model, stages }) =>
      model === rung.model && stages.some(({ stage, attached }) => stage === rung.stage && attached),
  );
}
