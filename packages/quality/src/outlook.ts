import type { Replica } from './load';
import { type Objective, type Prediction, predict, pressure, type RequestSize } from './predict';

/** A stage that saves less than this share of the time of the rung above it is not worth its loss of quality. */
export const MIN_SAVING = 0.05;

/** One stage over a group of replicas: how its best replica would do. */
export interface StageOutlook {
  stage: number;
  /** The replica that would do best; null while no replica has measured the stage. */
  replica: string | null;
  prediction: Prediction | null;
  pressure: number | null;
  /** Measurably cheaper than the rung above it. The highest stage is always a rung. */
  rung: boolean;
}

/** Every stage that some replica has attached and may serve, lowest first. */
export function outlook(
  replicas: readonly Replica[],
  size: RequestSize,
  objective: Objective,
  wanted: (stage: { stage: number; servable: boolean; attached: boolean }) => boolean,
): StageOutlook[] {
  const stages = new Set<number>();
  for (const replica of replicas) {
    for (const state of replica.stages) if (wanted(state)) stages.add(state.stage);
  }
  const rows = [...stages]
    .sort((a, b) => a - b)
    .map((stage) => best(replicas, stage, size, objective, wanted));
  markRungs(rows);
  return rows;
}

function best(
  replicas: readonly Replica[],
  stage: number,
  size: RequestSize,
  objective: Objective,
  wanted: Parameters<typeof outlook>[3],
): StageOutlook {
  const row: StageOutlook = { stage, replica: null, prediction: null, pressure: null, rung: false };
  for (const { id, load, stages } of replicas) {
    if (!stages.some((state) => state.stage === stage && wanted(state))) continue;
    const prediction = predict(load, stage, size);
    if (!prediction) continue;
    const value = pressure(prediction, objective);
    if (row.pressure === null || value < row.pressure) {
      row.replica = id;
      row.prediction = prediction;
      row.pressure = value;
    }
  }
  return row;
}

/**
 * From the top down. A stage is a rung if it brings the first token or the next ones measurably sooner than the
 * rung above and is not measurably worse in the other; one without a measured cost cannot be called cheaper.
 */
function markRungs(rows: StageOutlook[]): void {
  let above: StageOutlook | undefined;
  for (const row of [...rows].reverse()) {
    row.rung = above === undefined || cheaper(row, above);
    // An unmeasured top is no yardstick: nothing below it can be a rung until it has run once.
    if (row.rung) above = row;
  }
}

function cheaper(row: StageOutlook, above: StageOutlook): boolean {
  if (!row.prediction || !above.prediction || row.pressure === null || above.pressure === null) return false;
  const share = 1 - MIN_SAVING;
  const saves =
    row.prediction.ttftMs <= above.prediction.ttftMs * share ||
    row.prediction.tpotMs <= above.prediction.tpotMs * share;
  return saves && row.pressure * share <= above.pressure;
}
