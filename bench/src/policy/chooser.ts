import {
  DEFAULT_HYSTERESIS,
  type Figure,
  type Member,
  type Objective,
  placeRungs,
  type Replica,
  type Rung,
  type RungGroup,
  RungPolicy,
} from '@zen/quality';

/** What a policy is asked: which rung answers the next request. */
export interface Chooser {
  readonly name: string;
  /** Null refuses the request. */
  choose(replicas: readonly Replica[], nowMs: number): Rung | null;
  observe(rung: Rung, figure: Figure, predictedMs: number, observedMs: number, nowMs: number): void;
  /** Changes of the level that were made, and the shortest time between two of them; null where there is no level. */
  changes(): { atMs: number }[] | null;
}

/** Requests are alike enough for one size; the gateway's running mean comes to the same. */
export interface ChooserContext {
  members: readonly Member[];
  objective: Objective;
  size: { promptTokens: number; meanAnswerTokens: number };
  maxQueueMs: number;
}

/** Every request gets the rung at this end of the order. */
export function fixed(end: 'top' | 'lowest', { members }: ChooserContext): Chooser {
  return {
    name: `fixed ${end}`,
    choose: (replicas) => servable({ key: '', members, replicas }).at(end === 'top' ? -1 : 0) ?? null,
    observe: () => undefined,
    changes: () => null,
  };
}

/**
 * The naive threshold: while fewer than `most` requests are in flight the top rung, else the lowest. It knows no
 * costs and no objective, and decides each request by itself.
 */
export function threshold(most: number, { members }: ChooserContext): Chooser {
  return {
    name: `threshold ${most}`,
    choose: (replicas) => {
      const inFlight = replicas.reduce((sum, { load }) => sum + load.running + load.waiting, 0);
      return servable({ key: '', members, replicas }).at(inFlight < most ? -1 : 0) ?? null;
    },
    observe: () => undefined,
    changes: () => null,
  };
}

/** The gateway's own policy, for requests that want at least `minStage`. */
export function ours(context: ChooserContext, minStage = 0): Chooser {
  const { members, objective, size, maxQueueMs } = context;
  const changes: { atMs: number }[] = [];
  const onChange = (_: unknown, { atMs }: { atMs: number }) => void changes.push({ atMs });
  const policy = new RungPolicy({ ...DEFAULT_HYSTERESIS, maxQueueMs, onChange });
  const wish = { minStage, full: false, structured: false, objective, standard: true, priority: 2 };
  return {
    name: 'zen',
    choose: (replicas, nowMs) => {
      const decision = policy.decide({ key: 'family', members, replicas }, wish, size, nowMs);
      return decision.kind === 'serve' ? decision : null;
    },
    observe: (...args) => policy.observe(...args),
    changes: () => changes,
  };
}

function servable(group: RungGroup): Rung[] {
  return placeRungs(group).filter(({ model, stage }) =>
    group.replicas.some(
      (replica) =>
        replica.model === model && replica.stages.some((state) => state.stage === stage && state.servable),
    ),
  );
}
