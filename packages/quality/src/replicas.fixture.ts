import { Corrections } from './corrections';
import type { RungWish } from './decide';
import type { Replica, ReplicaLoad, StageCost } from './load';
import type { RungGroup } from './rung';
import type { HysteresisPolicy } from './rung-controller';

/** Milliseconds per step at one sequence: stage 0 3, stage 1 3.1 (no saving over stage 0), 3 8, 4 11. */
const COSTS: StageCost[] = [
  { stage: 0, decodeBaseUs: 2800, decodePerSequenceUs: 200, prefillUsPerToken: 50 },
  { stage: 1, decodeBaseUs: 2890, decodePerSequenceUs: 206, prefillUsPerToken: 51 },
  { stage: 3, decodeBaseUs: 7500, decodePerSequenceUs: 500, prefillUsPerToken: 80 },
  { stage: 4, decodeBaseUs: 10000, decodePerSequenceUs: 1000, prefillUsPerToken: 100 },
];
const TOP1 = [0.6, 0.7, 0.8, 0.9, 1];

/** What the tests' requests are like; nothing else arrives. */
export const QUIET = { promptTokens: 100, meanAnswerTokens: 50, arrivalsPerSecond: 0 };

export function load(changes: Partial<ReplicaLoad> = {}): ReplicaLoad {
  return { running: 0, waiting: 0, prefillTokensWaiting: 0, maxRunning: 8, costs: COSTS, ...changes };
}

/** The same model, this many times as fast. */
export function faster(times: number): StageCost[] {
  return COSTS.map(({ stage, decodeBaseUs, decodePerSequenceUs, prefillUsPerToken }) => ({
    stage,
    decodeBaseUs: decodeBaseUs / times,
    decodePerSequenceUs: decodePerSequenceUs / times,
    prefillUsPerToken: prefillUsPerToken / times,
  }));
}

interface ReplicaOptions {
  id?: string;
  model?: string;
  host?: string | null;
  minServable?: number;
  attachedTo?: number;
  /** Share of JSON answers that parse, for each stage. */
  json?: (stage: number) => number | null;
  measured?: boolean;
}

/** A replica with stages 0, 1, 3 and 4; those below `minServable` are drafters, those above `attachedTo` absent. */
export function replica(changes: Partial<ReplicaLoad> = {}, options: ReplicaOptions = {}): Replica {
  const {
    id = 'a',
    model = 'm',
    host = null,
    minServable = 0,
    attachedTo = 4,
    json,
    measured = true,
  } = options;
  const stages = [0, 1, 3, 4].map((stage) => ({
    stage,
    servable: stage >= minServable,
    attached: stage <= attachedTo,
    top1: measured ? (TOP1[stage] ?? null) : null,
    jsonValid: json?.(stage) ?? null,
  }));
  return { id, model, host, load: load(changes), stages };
}

export function alone(replicas: Replica[]): RungGroup {
  return { key: 'm', members: [{ model: 'm', weight: 1 }], replicas };
}

/** A family of `big` and `small`, which is four times as fast. */
export function family(
  big: Partial<ReplicaLoad>,
  small: Partial<ReplicaLoad>,
  { weight = 0.8, host = null }: { weight?: number | null; host?: string | null } = {},
): RungGroup {
  return {
    key: 'f',
    members: [
      { model: 'big', weight: 1 },
      { model: 'small', weight },
    ],
    replicas: [
      replica(big, { id: 'b', model: 'big', host }),
      replica({ costs: faster(4), ...small }, { id: 's', model: 'small', host }),
    ],
  };
}

export function wish(changes: Partial<RungWish> = {}): RungWish {
  return {
    minStage: 0,
    full: false,
    structured: false,
    objective: { ttftMs: 1000, tpotMs: 15 },
    standard: true,
    priority: 2,
    ...changes,
  };
}

/** Uses the objective up before it falls, so that the tables can be read against it. */
export const EXACT: HysteresisPolicy = { dwellMs: 2000, fallAbove: 1, riseBelow: 1 };

/** Where nothing was learned yet. */
export const UNCORRECTED = new Corrections();
