import { DEFAULT_POLICY, type PlacementPod, type PlanPolicy, planPlacement, rebalance } from '@zen/placement';
import { seeded } from '../routing/requests';

export type MutableLayout = number[][][];

/** What is asked of a way to place experts. */
export interface Ask {
  pods: readonly PlacementPod[];
  experts: number;
  /** [layers][pods] */
  current: MutableLayout;
  tokens: Float64Array;
  /** Whether the interval has passed, or pods have come or gone. */
  due: boolean;
}

export type Planner = (ask: Ask) => MutableLayout;

/** The product's. */
export function zen(policy: PlanPolicy = DEFAULT_POLICY): Planner {
  return ({ pods, experts, current, tokens, due }) =>
    planPlacement({ pods, experts, current, tokens, mayRebalance: due }, policy).layout as MutableLayout;
}

/** As placed at first, by number; only what is missing is mended. */
export const fixed: Planner = ({ pods, experts, current, tokens }) =>
  planPlacement({ pods, experts, current, tokens: new Float64Array(tokens.length), mayRebalance: false })
    .layout as MutableLayout;

/** Drawn once: every expert somewhere, further slots by chance; after a change of pods it is mended. */
export function chance(seed: number): Planner {
  const random = seeded(seed);
  return (ask) => {
    const { pods, experts, current } = ask;
    if (current.some((layer) => layer.some(({ length }) => length > 0))) return fixed(ask);
    const drawn = current.map(() => {
      const layer = pods.map(() => new Set<number>());
      const free = () => pods.flatMap(({ capacity }, pod) => (layer[pod]!.size < capacity ? [pod] : []));
      for (let expert = 0; expert < experts; expert++) {
        const open = free();
        layer[open[Math.floor(random() * open.length)]!]!.add(expert);
      }
      for (const [pod, held] of layer.entries()) {
        while (held.size < Math.min(pods[pod]!.capacity, experts)) held.add(Math.floor(random() * experts));
      }
      return layer.map((held) => [...held].sort((a, b) => a - b));
    });
    return drawn;
  };
}

/** The published balancer anew at every interval, slot by slot as it says; for pods that are alike. */
export const eplb: Planner = ({ pods, experts, current, tokens, due }) => {
  if (!due) return current;
  const weights = current.map((_, layer) =>
    Array.from(tokens.subarray(layer * experts, (layer + 1) * experts)),
  );
  const { capacity } = pods[0]!;
  const { physicalToLogical } = rebalance(weights, pods.length * capacity, 1, 1, pods.length);
  return physicalToLogical.map((slots) =>
    pods.map((_, pod) =>
      [...new Set(slots.slice(pod * capacity, (pod + 1) * capacity))].sort((a, b) => a - b),
    ),
  );
};
