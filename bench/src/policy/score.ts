import { type Objective, type Rung, rungName } from '@zen/quality';
import { quantile } from '../report';
import type { Arrival } from './load-shapes';

/** What became of one request. */
export interface Served extends Arrival {
  /** Null: refused. */
  rung: Rung | null;
  /** Quality of the rung, 0 to 1; null where it was never measured. */
  worth: number | null;
  ttftMs: number | null;
  tpotMs: number | null;
}

export interface Score {
  requests: number;
  refused: number;
  violations: number;
  /** Share of requests that were answered within the objective. */
  attainment: number;
  /** Mean over the answers; NaN where a rung's quality was never measured. */
  quality: number;
  /** Share of answers that came from another rung than the one before. */
  switches: number;
  ttftP95Ms: number;
  tpotP95Ms: number;
  /** Level changes a minute, and the shortest time between two; null where the policy has no level. */
  changes: number | null;
  shortestDwellMs: number | null;
}

/** A request that was refused, or came too late or too slowly, is a violation. */
export function scoreOf(
  served: readonly Served[],
  objective: Objective,
  changes: { atMs: number }[] | null,
): Score {
  const answered = served.filter(({ rung }) => rung !== null);
  const kept = answered.filter(
    ({ ttftMs, tpotMs }) =>
      ttftMs !== null && tpotMs !== null && ttftMs <= objective.ttftMs && tpotMs <= objective.tpotMs,
  );
  const rungs = served.flatMap(({ rung }) => (rung ? [rungName(rung)] : []));
  const gaps = (changes ?? []).slice(1).map(({ atMs }, at) => atMs - (changes?.[at]?.atMs ?? 0));
  return {
    requests: served.length,
    refused: served.length - answered.length,
    violations: served.length - kept.length,
    attainment: kept.length / served.length,
    quality: answered.reduce((sum, { worth }) => sum + (worth ?? Number.NaN), 0) / answered.length,
    switches: rungs.filter((name, at) => at > 0 && name !== rungs[at - 1]).length / Math.max(1, rungs.length),
    ttftP95Ms: quantile(
      answered.map(({ ttftMs }) => ttftMs ?? Number.NaN),
      0.95,
    ),
    tpotP95Ms: quantile(
      answered.map(({ tpotMs }) => tpotMs ?? Number.NaN),
      0.95,
    ),
    changes: changes === null ? null : changes.length,
    shortestDwellMs: gaps.length > 0 ? Math.min(...gaps) : null,
  };
}
