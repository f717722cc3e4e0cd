import { Arrivals } from './arrivals';
import { Corrections, type Figure } from './corrections';
import { type Decision, decide, lookOf, type RungWish } from './decide';
import { outlook, type RungOutlook } from './outlook';
import { placeRungs } from './place-rungs';
import type { Demand, RequestSize } from './predict';
import type { Rung, RungGroup } from './rung';
import {
  currentRung,
  type HysteresisPolicy,
  type Level,
  type LevelChange,
  type RequestClass,
  RungController,
} from './rung-controller';

export interface RungPolicyOptions extends HysteresisPolicy {
  /** A request that would wait longer than this for its turn at every rung allowed is refused. */
  maxQueueMs: number;
  /** Told of every change of a level. */
  onChange?: (asking: RequestClass, change: LevelChange) => void;
}

/** A level and what it was and would be chosen from. */
export interface LevelReport extends Level {
  /** Undefined while no replica can answer. */
  current: RungOutlook | undefined;
  rungs: RungOutlook[];
}

/**
 * The whole policy of one gateway: levels, arrivals, and what was learned of its own predictions. The gateway and
 * the simulator drive this one class. Time comes in as `nowMs`.
 */
export class RungPolicy {
  private readonly controller: RungController;
  private readonly corrections = new Corrections();
  private readonly arrivals = new Map<string, Arrivals>();

  constructor(private readonly options: RungPolicyOptions) {
    this.controller = new RungController(options, options.onChange);
  }

  /** Chooses the rung of a request; `again` when the same request is tried once more. */
  decide(group: RungGroup, wish: RungWish, size: RequestSize, nowMs: number, again = false): Decision {
    const demand = this.demand(group.key, size, nowMs);
    if (!again) this.arrivalsOf(group.key).add(nowMs);
    const { controller, corrections, options } = this;
    return decide(group, wish, { controller, corrections, demand, admission: options, nowMs });
  }

  /** Compares what `predict` said of an answer, uncorrected, with what its reader saw. */
  observe(rung: Rung, figure: Figure, predictedMs: number, observedMs: number, nowMs: number): void {
    this.corrections.observe(rung, figure, predictedMs, observedMs, nowMs);
  }

  correction(rung: Rung, figure: Figure, nowMs: number): number {
    return this.corrections.factor(rung, figure, nowMs);
  }

  demand(key: string, size: RequestSize, nowMs: number): Demand {
    return { ...size, arrivalsPerSecond: this.arrivals.get(key)?.perSecond(nowMs) ?? 0 };
  }

  levels(key: string): Level[] {
    return this.controller.levelsOf(key);
  }

  /** Every level of a group with the outlook of each rung now: what a person asks when an answer surprises. */
  report(group: RungGroup, size: RequestSize, nowMs: number): LevelReport[] {
    const { corrections } = this;
    const demand = this.demand(group.key, size, nowMs);
    const placed = placeRungs(group);
    return this.levels(group.key).map((level) => {
      const look = lookOf({ corrections, demand, nowMs }, level.objective);
      const rungs = outlook(placed, group.replicas, ({ attached, servable }) => attached && servable, look);
      return { ...level, current: currentRung(level, rungs), rungs };
    });
  }

  private arrivalsOf(key: string): Arrivals {
    let arrivals = this.arrivals.get(key);
    if (!arrivals) {
      arrivals = new Arrivals();
      // Keys are names of models and families that are served, so they are few.
      this.arrivals.set(key, arrivals);
    }
    return arrivals;
  }
}
