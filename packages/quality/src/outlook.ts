import type { Corrections } from './corrections';
import type { Replica, StageState } from './load';
import type { PlacedRung } from './place-rungs';
import { type Demand, type Objective, type Prediction, predict, pressure } from './predict';

/** A rung that saves less than this share of the time of the one above it is not worth its loss of quality. */
export const MIN_SAVING = 0.05;

/** One rung over the replicas that have it: how the best of them would do. */
export interface RungOutlook extends PlacedRung {
  /** The replica that would do best; null while no replica has measured the stage. */
  replica: string | null;
  /** Corrected by what was observed. */
  prediction: Prediction | null;
  pressure: number | null;
  /** The same after the arrivals of one dwell, with what runs at other members. */
  pressureAhead: number | null;
  /** Measurably cheaper than the rung above it. The highest one is always a rung. */
  rung: boolean;
}

export interface OutlookContext {
  demand: Demand;
  objective: Objective;
  /** How far `pressureAhead` looks, milliseconds. */
  horizonMs: number;
  corrections: Corrections;
  nowMs: number;
}

/** The outlook of every rung that some replica can answer with and `wanted` lets pass; in the order of `rungs`. */
export function outlook(
  rungs: readonly PlacedRung[],
  replicas: readonly Replica[],
  wanted: (state: StageState) => boolean,
  context: OutlookContext,
): RungOutlook[] {
  const rows = rungs.flatMap((rung) => {
    const able = replicas.filter(
      ({ model, stages }) =>
        model === rung.model && stages.some((state) => state.stage === rung.stage && wanted(state)),
    );
    return able.length === 0 ? [] : [best(rung, able, elsewhere(rung, replicas) / able.length, context)];
  });
  markRungs(rows);
  return rows;
}

/**
 * Sequences of the other members. A level moves all requests of a class, so what runs elsewhere now will run here; and
 * members on one node take time from each other meanwhile.
 */
function elsewhere({ model }: PlacedRung, replicas: readonly Replica[]): number {
  const others = replicas.filter((replica) => replica.model !== model);
  return others.reduce((sum, { load }) => sum + load.running + load.waiting, 0);
}

/** `joining`: sequences that each of them will have beside its own. */
function best(
  rung: PlacedRung,
  able: readonly Replica[],
  joining: number,
  context: OutlookContext,
): RungOutlook {
  const { demand, objective, horizonMs, corrections, nowMs } = context;
  const row: RungOutlook = {
    ...rung,
    replica: null,
    prediction: null,
    pressure: null,
    pressureAhead: null,
    rung: false,
  };
  const ttft = corrections.factor(rung, 'ttft', nowMs);
  const tpot = corrections.factor(rung, 'tpot', nowMs);
  const share = { ...demand, arrivalsPerSecond: demand.arrivalsPerSecond / able.length };
  const corrected = (one: Prediction): Prediction => ({
    ttftMs: one.ttftMs * ttft,
    tpotMs: one.tpotMs * tpot,
    queueMs: one.queueMs * ttft,
  });
  for (const { id, load } of able) {
    const now = predict(load, rung.stage, share);
    const joined = { ...load, waiting: load.waiting + joining };
    const later = predict(joined, rung.stage, share, horizonMs);
    if (!now || !later) continue;
    const prediction = corrected(now);
    const value = pressure(prediction, objective);
    if (row.pressure !== null && value >= row.pressure) continue;
    row.replica = id;
    row.prediction = prediction;
    row.pressure = value;
    row.pressureAhead = pressure(corrected(later), objective);
  }
  return row;
}

/**
 * From the top down. A rung must bring the first token or the next ones measurably sooner than the one above and
 * not be measurably worse in the other; one without a measured cost cannot be called cheaper.
 */
function markRungs(rows: RungOutlook[]): void {
  let above: RungOutlook | undefined;
  for (const row of [...rows].reverse()) {
    row.rung = above === undefined || cheaper(row, above);
    // An unmeasured top is no yardstick: nothing below it can be a rung until it has run once.
    if (row.rung) above = row;
  }
}

function cheaper(row: RungOutlook, above: RungOutlook): boolean {
  if (!row.prediction || !above.prediction || row.pressure === null || above.pressure === null) return false;
  const share = 1 - MIN_SAVING;
  const saves =
    row.prediction.ttftMs <= above.prediction.ttftMs * share ||
    row.prediction.tpotMs <= above.prediction.tpotMs * share;
  return saves && row.pressure * share <= above.pressure;
}
