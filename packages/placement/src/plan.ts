import type { Layout, PlacementPod } from './placement-pod';
import { type LayerPlan, type PlanPolicy, planLayer } from './plan-layer';

export interface PlanInput {
  /** Those that may hold experts from now on: connected, and not on their way out. */
  pods: readonly PlacementPod[];
  experts: number;
  /** What each of `pods` shall hold as of now; nothing for those that are new. */
  current: Layout;
  /** Tokens in the window, [layers][experts]. */
  tokens: ArrayLike<number>;
  /** Whether experts may move for the balance alone, and not only where something is missing. */
  mayRebalance: boolean;
}

/** `gain` and `moveCost` are calibrated by `npm run bench -- placement`. */
export const DEFAULT_POLICY: PlanPolicy = { copies: 2, hot: 2, gain: 0.1, moveCost: 0.5 };

export interface Plan {
  layout: Layout;
  /** Slots that get an expert which they did not have. */
  moves: number;
  /** Layers that change. */
  changed: number;
  /** Largest load of a pod over the mean, all layers together: as it was, and as planned. */
  balance: number;
  plannedBalance: number;
  /** Pairs of layer and expert without a pod. */
  missing: number;
  /** For people. */
  reason: string;
}

/**
 * Tokens that each expert counts as having had anyway: a few tokens say little about the load to come, and an expert
 * that had none is not weightless.
 */
const PRIOR_TOKENS = 16;

/** Which pod shall hold what, with as few moves as the rules allow. */
export function planPlacement(input: PlanInput, policy: PlanPolicy = DEFAULT_POLICY): Plan {
  const { pods, experts, current, tokens, mayRebalance } = input;
  const layers = current.map((held, layer) => {
    const weights = Float64Array.from(
      { length: experts },
      (_, expert) => PRIOR_TOKENS + tokens[layer * experts + expert]!,
    );
    return planLayer(pods, weights, held, mayRebalance, policy);
  });
  const total = (of: (layer: LayerPlan) => number) => layers.reduce((sum, layer) => sum + of(layer), 0);
  const mean = total((layer) => layer.mean);
  const plan = {
    layout: layers.map(({ layout }) => layout),
    moves: total(({ mended, rebalanced }) => mended + rebalanced),
    changed: layers.filter(({ mended, rebalanced }) => mended + rebalanced > 0).length,
    balance: mean > 0 ? total(({ before }) => before) / mean : 1,
    plannedBalance: mean > 0 ? total(({ after }) => after) / mean : 1,
    missing: total(({ missing }) => missing),
  };
  return { ...plan, reason: reasonOf(input, plan, total) };
}

function reasonOf(
  { pods, experts, current, mayRebalance }: PlanInput,
  { moves, changed, balance, plannedBalance, missing }: Omit<Plan, 'reason'>,
  total: (of: (layer: LayerPlan) => number) => number,
): string {
  const parts: string[] = [];
  const mended = total((layer) => layer.mended);
  const rebalanced = total((layer) => layer.rebalanced);
  if (missing > 0) {
    const slots = pods.reduce((sum, { capacity }) => sum + Math.min(capacity, experts), 0);
    const all = current.length * experts;
    parts.push(
      `${missing} of ${all} experts have no pod: ${pods.length} pods have ${slots} slots for the ${experts} of a layer`,
    );
  }
  if (mended > 0) parts.push(`${mended} moves so that every expert has its pods and no slot is empty`);
  if (rebalanced > 0) {
    parts.push(
      `${rebalanced} moves for the balance, ${balance.toFixed(2)} to ${plannedBalance.toFixed(2)}, in ${changed} layers`,
    );
  }
  if (moves === 0 && mayRebalance)
    parts.push(`no move is worth its cost at a balance of ${balance.toFixed(2)}`);
  if (moves === 0 && !mayRebalance) parts.push('every expert has its pods');
  return parts.join('; ');
}
