import type { RungOutlook } from './outlook';
import type { Objective } from './predict';
import { type Rung, rungName } from './rung';

export interface HysteresisPolicy {
  /** Milliseconds that a level stays at least; 2,000 or more. */
  dwellMs: number;
  /**
   * A rung has room for one more while that would use at most this share of the objective, 0 to 1; else it is left.
   * Predictions are of the mean answer; the rest is for those that are slower than the mean.
   */
  fallAbove: number;
  /**
   * A level rises to a rung only if one more would use at most this share, 0 to `fallAbove`; where nothing runs, only
   * if it has room.
   */
  riseBelow: number;
}

/** The two shares are those that did best over simulated bursts (docs/decisions/2026-11-25-load-aware-quality.md). */
export const DEFAULT_HYSTERESIS: HysteresisPolicy = { dwellMs: 2000, fallAbove: 0.5, riseBelow: 0.3 };

/** Requests that share a level. */
export interface RequestClass {
  /** Name of the model or family. */
  group: string;
  /** Higher is more important. */
  priority: number;
  objective: Objective;
  /** The objective is the server's own for this priority, not one that a caller or tenant chose. */
  standard: boolean;
}

export interface LevelChange {
  atMs: number;
  from: Rung;
  to: Rung;
  why: 'pressure' | 'room' | 'no-saving' | 'priority';
  /** Share of the objective that the old rung used, and that the new one will; null while unmeasured. */
  pressureFrom: number | null;
  pressureTo: number | null;
}

export interface Level extends RequestClass {
  /** The best rung allowed now; null is no limit. */
  cap: (Rung & { place: number }) | null;
  changedAtMs: number;
  seenAtMs: number;
  /** The newest ones, oldest first. */
  changes: LevelChange[];
}

/** What a class gets now. */
export interface Choice {
  row: RungOutlook;
  /** Held down because a more important class is. */
  held: boolean;
}

/** Classes remembered at once; the least recently used one is forgotten. */
const MAX_CLASSES = 256;
const CHANGES_KEPT = 16;
/** A class without a request for this long holds nobody down. */
const ACTIVE_MS = 10_000;

/**
 * The level of each class of requests. It falls as far as needed at once, rises with a margin, and changes at most
 * once per dwell, so that a burst neither makes it flap nor lets two neighbours in time get needlessly different
 * answers. A class is never above a more important one of its group that load has lowered.
 */
export class RungController {
  private readonly levels = new Map<string, Level>();

  constructor(
    private readonly policy: HysteresisPolicy = DEFAULT_HYSTERESIS,
    /** Told of every change of a level. */
    private readonly onChange: (asking: RequestClass, change: LevelChange) => void = () => undefined,
  ) {
    if (!(policy.dwellMs >= 2000)) throw new RangeError(`dwellMs is ${policy.dwellMs}, at least 2000`);
    const { fallAbove, riseBelow } = policy;
    if (!(fallAbove > 0 && fallAbove <= 1)) {
      throw new RangeError(`fallAbove is ${fallAbove}, above 0 and at most 1`);
    }
    if (!(riseBelow > 0 && riseBelow <= fallAbove)) {
      throw new RangeError(`riseBelow is ${riseBelow}, above 0 and at most fallAbove (${fallAbove})`);
    }
  }

  /** The levels of a group, as of their last request. */
  levelsOf(group: string): Level[] {
    return [...this.levels.values()].filter((level) => level.group === group);
  }

  /** The rung for a class now. `rows` are those that can answer, lowest first, at least one. */
  choose(asking: RequestClass, rows: readonly RungOutlook[], nowMs: number): Choice {
    const level = this.levelFor(asking, nowMs);
    const limit = placeOf(level, rows);
    const current = highestAtMost(rows, limit);
    const ceiling = this.ceiling(asking, rows, nowMs);
    const held = current.place === ceiling && ceiling < (rows.at(-1) as RungOutlook).place;
    if (nowMs - level.changedAtMs < this.policy.dwellMs) return { row: current, held };
    const next = this.next(rows, current, ceiling);
    if (!next) return { row: current, held };
    const { row, why } = next;
    level.cap = row === rows.at(-1) ? null : { model: row.model, stage: row.stage, place: row.place };
    level.changedAtMs = nowMs;
    const change: LevelChange = {
      atMs: nowMs,
      from: { model: current.model, stage: current.stage },
      to: { model: row.model, stage: row.stage },
      why,
      pressureFrom: current.pressure,
      pressureTo: row.pressure,
    };
    level.changes.push(change);
    this.onChange(asking, change);
    if (level.changes.length > CHANGES_KEPT) level.changes.shift();
    return { row, held: row.place === ceiling && ceiling < (rows.at(-1) as RungOutlook).place };
  }

  /**
   * Where a request that may have `rung` finds its place: there, or while that has no room for one more, at the best
   * rung of another member below it that has, else at the least pressed. A level cannot fall within its dwell, and
   * what it lets in until then would slow all others down for as long as it answers. Another stage of the same model
   * is no way out: it shares the batch, and stages in one step take about as long as one after another.
   */
  seat(rung: RungOutlook | undefined, allowed: readonly RungOutlook[]): RungOutlook | undefined {
    if (!rung || this.hasRoom(rung)) return rung;
    const { model, place } = rung;
    const others = allowed.filter((row) => row.rung && row.model !== model && row.place < place);
    return others.findLast((row) => this.hasRoom(row)) ?? leastPressed([rung, ...others]) ?? rung;
  }

  /** A rung without a measured cost is given the benefit of the doubt. */
  private hasRoom({ pressure }: RungOutlook): boolean {
    return (pressure ?? 0) <= this.policy.fallAbove;
  }

  private levelFor(asking: RequestClass, nowMs: number): Level {
    const { group, priority, objective, standard } = asking;
    const key = `${group} ${priority} ${objective.ttftMs} ${objective.tpotMs}`;
    const level = this.levels.get(key) ?? {
      group,
      priority,
      objective,
      standard,
      cap: null,
      changedAtMs: Number.NEGATIVE_INFINITY,
      seenAtMs: nowMs,
      changes: [],
    };
    level.seenAtMs = nowMs;
    // Re-inserted last: a Map iterates in order of insertion, so the first key is the least recently used.
    this.levels.delete(key);
    this.levels.set(key, level);
    if (this.levels.size > MAX_CLASSES) this.levels.delete(this.levels.keys().next().value as string);
    return level;
  }

  /** A caller's own objective, however tight, moves nobody but that caller. */
  private ceiling({ group, priority }: RequestClass, rows: readonly RungOutlook[], nowMs: number): number {
    let ceiling = Number.POSITIVE_INFINITY;
    for (const level of this.levels.values()) {
      const counts = level.group === group && level.priority > priority && level.standard && level.cap;
      if (counts && nowMs - level.seenAtMs < ACTIVE_MS) {
        ceiling = Math.min(ceiling, highestAtMost(rows, placeOf(level, rows)).place);
      }
    }
    return ceiling;
  }

  private next(
    rows: readonly RungOutlook[],
    current: RungOutlook,
    ceiling: number,
  ): { row: RungOutlook; why: LevelChange['why'] } | undefined {
    const rungs = rows.filter((row) => row.rung && row.place <= ceiling);
    if (current.place > ceiling) {
      const row = this.highestMeeting(rungs) ?? leastPressed(rungs) ?? highestAtMost(rows, ceiling);
      return row.place < current.place ? { row, why: 'priority' } : undefined;
    }
    const above = rungs.filter((row) => row.place > current.place);
    const room = above.findLast((row) => this.mayRise(row));
    if (room) return { row: room, why: 'room' };
    // What is no rung gives quality away for nothing.
    if (!current.rung) {
      const row = this.highestMeeting(rungs) ?? leastPressed(rungs);
      return row && { row, why: 'no-saving' };
    }
    if (this.hasRoom(current)) return undefined;
    const below = rungs.filter((row) => row.place < current.place);
    const row = this.highestMeeting(below) ?? leastPressed([current, ...below]);
    return row && row !== current ? { row, why: 'pressure' } : undefined;
  }

  /** The margin is for requests that are on their way already; where nothing runs there is no burst. */
  private mayRise({ pressure, idle }: RungOutlook): boolean {
    return (pressure ?? 0) <= (idle ? this.policy.fallAbove : this.policy.riseBelow);
  }

  /** The highest measured one that a level would rise to. */
  private highestMeeting(rungs: readonly RungOutlook[]): RungOutlook | undefined {
    return rungs.findLast((row) => row.pressure !== null && this.mayRise(row));
  }
}

function leastPressed(rungs: readonly RungOutlook[]): RungOutlook | undefined {
  const measured = rungs.filter(({ pressure }) => pressure !== null);
  return measured.reduce<RungOutlook | undefined>(
    (best, row) => (best && (best.pressure as number) <= (row.pressure as number) ? best : row),
    undefined,
  );
}

/** The rung that a level stands at, of those that can answer; undefined where none can. */
export function currentRung(level: Level, rows: readonly RungOutlook[]): RungOutlook | undefined {
  return rows.length === 0 ? undefined : highestAtMost(rows, placeOf(level, rows));
}

/** Where a level stands now: places move when members come and go, the rung itself does not. */
function placeOf({ cap }: Level, rows: readonly RungOutlook[]): number {
  if (cap === null) return Number.POSITIVE_INFINITY;
  const name = rungName(cap);
  return rows.find((row) => rungName(row) === name)?.place ?? cap.place;
}

function highestAtMost(rows: readonly RungOutlook[], place: number): RungOutlook {
  const lowest = rows[0];
  if (!lowest) throw new RangeError('no rung to choose from');
  return rows.findLast((row) => row.place <= place) ?? lowest;
}
