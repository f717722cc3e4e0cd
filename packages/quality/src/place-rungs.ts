import type { Replica, StageState } from './load';
import type { Member, Rung, RungGroup } from './rung';

/** A rung and its place in the one order of its group. */
export interface PlacedRung extends Rung {
  /** Higher is better; means nothing outside of its group. */
  place: number;
  /** Estimated share of tokens on which it agrees with the best source of the group, 0 to 1; null if unmeasured. */
  worth: number | null;
  /** As measured on the model's own source; null if unmeasured. */
  jsonValid: number | null;
}

/** More than the highest stage: keeps members apart where only their order is known. */
const MEMBER_STEP = 8;
/** Far below any measured difference: of two stages with one figure the higher one is the better. */
const STAGE_STEP = 1e-6;

/**
 * All rungs that the replicas of a group know of, attached or not, the lowest first.
 *
 * Stages of one model are in order of their number. Across members a rung is worth `weight * top1`: how often its
 * source agrees with the group's best source, times how often the stage agrees with its source. If any of these
 * is unmeasured, every stage of an earlier member stands above every stage of a later one.
 */
export function placeRungs({ members, replicas }: Pick<RungGroup, 'members' | 'replicas'>): PlacedRung[] {
  const ladders = members.map((member) => ladderOf(member, replicas));
  const measured = members.length > 1 && ladders.flat().every(({ worth }) => worth !== null);
  const placed = ladders.flatMap((ladder, at) =>
    ladder.map((rung): PlacedRung => {
      const byOrder = (members.length - 1 - at) * MEMBER_STEP + rung.stage;
      return { ...rung, place: measured ? (rung.worth ?? 0) + rung.stage * STAGE_STEP : byOrder };
    }),
  );
  return placed.sort((a, b) => a.place - b.place);
}

function ladderOf({ model, weight }: Member, replicas: readonly Replica[]): Omit<PlacedRung, 'place'>[] {
  const stages = new Map<number, StageState>();
  for (const replica of replicas) {
    if (replica.model !== model) continue;
    for (const state of replica.stages) {
      if (stages.get(state.stage)?.top1 == null) stages.set(state.stage, state);
    }
  }
  let best = 0;
  return [...stages.values()]
    .sort((a, b) => a.stage - b.stage)
    .map(({ stage, top1, jsonValid }) => {
      // A higher stage is never worse: what says otherwise is the noise of the measurement.
      best = Math.max(best, top1 ?? 0);
      return { model, stage, jsonValid, worth: weight === null || top1 === null ? null : weight * best };
    });
}
