import type { StageOutlook } from './outlook';

export interface HysteresisPolicy {
  /** Milliseconds that a level stays at least; 2,000 or more. */
  dwellMs: number;
  /** A higher stage is taken only if it would use at most this share of the objective, 0 to 1. */
  riseBelow: number;
}

export const DEFAULT_HYSTERESIS: HysteresisPolicy = { dwellMs: 2000, riseBelow: 0.8 };

/** Classes of objectives remembered at once; the least recently used one is forgotten. */
const MAX_CLASSES = 256;

interface Level {
  /** Highest stage allowed now; Infinity is no limit. */
  cap: number;
  changedAtMs: number;
}

/**
 * The level of each class of requests (those with one model and one objective). It falls as far as needed at
 * once, rises with a margin, and changes at most once per dwell, so that a burst neither makes it flap nor lets
 * two neighbours in time get needlessly different answers.
 */
export class StageController {
  private readonly levels = new Map<string, Level>();

  constructor(private readonly policy: HysteresisPolicy = DEFAULT_HYSTERESIS) {
    if (!(policy.dwellMs >= 2000)) throw new RangeError(`dwellMs is ${policy.dwellMs}, at least 2000`);
    if (!(policy.riseBelow > 0 && policy.riseBelow <= 1)) {
      throw new RangeError(`riseBelow is ${policy.riseBelow}, above 0 and at most 1`);
    }
  }

  /** The stage for a class now. `rows` are its stages, lowest first, at least one. */
  choose(key: string, rows: readonly StageOutlook[], nowMs: number): number {
    const level = this.levels.get(key) ?? {
      cap: Number.POSITIVE_INFINITY,
      changedAtMs: Number.NEGATIVE_INFINITY,
    };
    // Re-inserted last: a Map iterates in order of insertion, so the first key is the least recently used.
    this.levels.delete(key);
    this.levels.set(key, level);
    if (this.levels.size > MAX_CLASSES) this.levels.delete(this.levels.keys().next().value as string);

    const current = highestAtMost(rows, level.cap);
    if (nowMs - level.changedAtMs < this.policy.dwellMs) return current;
    const target = this.target(rows, current);
    if (target === current) return current;
    level.cap = target === rows[rows.length - 1]?.stage ? Number.POSITIVE_INFINITY : target;
    level.changedAtMs = nowMs;
    return target;
  }

  private target(rows: readonly StageOutlook[], current: number): number {
    const rungs = rows.filter((row) => row.rung);
    const up = rungs.filter((row) => row.stage > current && (row.pressure ?? 0) <= this.policy.riseBelow);
    const highest = up[up.length - 1];
    if (highest) return highest.stage;
    const now = rows.find((row) => row.stage === current);
    // A stage without a measured cost is given the benefit of the doubt.
    if (!now || (now.pressure ?? 0) <= 1) return current;
    const below = rungs.filter((row) => row.stage < current);
    const meeting = below.filter((row) => row.pressure !== null && row.pressure <= 1);
    return (meeting[meeting.length - 1] ?? below[0])?.stage ?? current;
  }
}

function highestAtMost(rows: readonly StageOutlook[], cap: number): number {
  const lowest = rows[0];
  if (!lowest) throw new RangeError('no stage to choose from');
  let found = lowest.stage;
  for (const { stage } of rows) if (stage <= cap) found = stage;
  return found;
}
