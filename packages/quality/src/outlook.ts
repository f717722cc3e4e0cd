import type { Corrections } from './corrections';
import type { Replica, StageState } from './load';
import type { PlacedRung } from './place-rungs';
import { type Demand, type Objective, type Prediction, predict, pressure } from './predict';

/** A rung that saves less than this share of the work of the one above it is not worth its loss of quality. */
export const MIN_SAVING = 0.15;

/** One rung over the replicas that have it: how the best of them would do. */
export interface RungOutlook extends PlacedRung {
  /** The replica that would do best; null while no replica has measured the stage. */
  replica: string | null;
  /** Of one more request, corrected by what was observed. */
  prediction: Prediction | null;
  /** Share of the objective that the request would use if all that runs on the replica's host ran on the replica. */
  pressure: number | null;
  /** Nothing runs on the replica's host. */
  idle: boolean;
  /** Milliseconds of a replica's time that the request would take in a batch of all that runs in the group. */
  workMs: number | null;
  /** Worth its loss of quality. The highest one is always a rung. */
  rung: boolean;
}

export interface OutlookContext {
  demand: Demand;
  objective: Objective;
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
  const inFlight = countInFlight(replicas);
  const rows = rungs.flatMap((rung) => {
    const able = replicas.filter(
      ({ model, stages }) =>
        model === rung.model && stages.some((state) => state.stage === rung.stage && wanted(state)),
    );
    return able.length === 0 ? [] : [best(rung, able, inFlight, context)];
  });
  markRungs(rows);
  return rows;
}

function best(
  rung: PlacedRung,
  able: readonly Replica[],
  inFlight: InFlight,
  { demand, objective, corrections, nowMs }: OutlookContext,
): RungOutlook {
  const row: RungOutlook = {
    ...rung,
    replica: null,
    prediction: null,
    pressure: null,
    idle: false,
    workMs: null,
    rung: false,
  };
  const ttft = corrections.factor(rung, 'ttft', nowMs);
  const tpot = corrections.factor(rung, 'tpot', nowMs);
  const share = { ...demand, arrivalsPerSecond: demand.arrivalsPerSecond / able.length };
  const corrected = (one: Prediction): Prediction => ({
    ...one,
    ttftMs: one.ttftMs * ttft,
    tpotMs: one.tpotMs * tpot,
    queueMs: one.queueMs * ttft,
  });
  for (const replica of able) {
    const { id, load } = replica;
    const onHost = inFlight.onHostOf(replica);
    const alone = predict(load, rung.stage, share);
    // Arrivals are left out: those that find no room go elsewhere.
    const together = predict({ ...load, running: onHost, waiting: 0 }, rung.stage, {
      ...demand,
      arrivalsPerSecond: 0,
    });
    if (!alone || !together) continue;
    const value = pressure(corrected(together), objective);
    if (row.pressure !== null && value >= row.pressure) continue;
    row.replica = id;
    row.prediction = corrected(alone);
    row.pressure = value;
    row.idle = onHost === 0;
    row.workMs = predict({ ...load, running: inFlight.all, waiting: 0 }, rung.stage, demand)?.workMs ?? null;
  }
  return row;
}

/** Sequences that run or wait. */
interface InFlight {
  all: number;
  /** Those of the replica itself included. */
  onHostOf(replica: Replica): number;
}

/** Counted once for all rungs: there may be many replicas. */
function countInFlight(replicas: readonly Replica[]): InFlight {
  const hosts = new Map<string, number>();
  let all = 0;
  for (const { host, load } of replicas) {
    const here = load.running + load.waiting;
    all += here;
    if (host !== null) hosts.set(host, (hosts.get(host) ?? 0) + here);
  }
  const onHostOf = ({ host, load }: Replica) =>
    host === null ? load.running + load.waiting : (hosts.get(host) ?? 0);
  return { all, onHostOf };
}

/**
 * From the top down. A rung takes measurably less work than the one above and is not pressed harder; one without a
 * measured cost cannot be called cheaper. And it lies on the upper hull of quality over work: below the line between
 * two others it is none, since some answers of each of these are better on the whole, for the same work.
 */
function markRungs(rows: RungOutlook[]): void {
  const kept: RungOutlook[] = [];
  for (const row of [...rows].reverse()) {
    const above = kept.at(-1);
    row.rung = above === undefined || cheaper(row, above);
    // An unmeasured top is no yardstick: nothing below it can be a rung until it has run once.
    if (!row.rung) continue;
    for (let last = kept.at(-1); last && isBelowLine(kept.at(-2), last, row); last = kept.at(-1)) {
      last.rung = false;
      kept.pop();
    }
    kept.push(row);
  }
}

function cheaper(row: RungOutlook, above: RungOutlook): boolean {
  if (row.workMs === null || above.workMs === null || row.pressure === null || above.pressure === null) {
    return false;
  }
  const share = 1 - MIN_SAVING;
  return row.workMs <= above.workMs * share && row.pressure * share <= above.pressure;
}

/** Whether `row` loses more quality for each millisecond that it saves than `below` does; false while unmeasured. */
function isBelowLine(above: RungOutlook | undefined, row: RungOutlook, below: RungOutlook): boolean {
  if (!above) return false;
  const [a, r, b] = [above, row, below].map(({ worth, workMs }) => ({ worth, workMs }));
  if (a?.worth == null || r?.worth == null || b?.worth == null) return false;
  if (a.workMs === null || r.workMs === null || b.workMs === null) return false;
  return (a.worth - r.worth) * (r.workMs - b.workMs) >= (r.worth - b.worth) * (a.workMs - r.workMs);
}
