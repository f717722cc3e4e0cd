import { LayerBoard } from './layer-board';
import { mendLayer } from './mend-layer';
import type { Layout, PlacementPod } from './placement-pod';
import { type Redundancy, wantedCopies } from './wanted-copies';

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

export interface PlanPolicy extends Redundancy {
  /** Least fall of the balance (largest load over the mean) of a layer that experts are moved for. */
  gain: number;
  /** What it has to fall by in addition, for each share of the layer's slots that get another expert. */
  moveCost: number;
}

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
  const { pods, experts, current, tokens } = input;
  const slots = pods.reduce((sum, { capacity }) => sum + Math.min(capacity, experts), 0);
  const totals = { moves: 0, changed: 0, before: 0, after: 0, mean: 0, missing: 0 };
  const layout = current.map((held, layer) => {
    const weights = layerWeights(tokens, layer, experts);
    const wanted = wantedCopies(weights, slots, pods.length, policy);
    const board = new LayerBoard(pods, weights, held);
    const { largest: before } = board;
    mendLayer(board, wanted);
    const planned = board.layout();
    const moves = movesBetween(held, planned);
    totals.moves += moves;
    if (moves > 0) totals.changed++;
    totals.before += before;
    totals.after += board.largest;
    totals.mean += board.mean;
    totals.missing += board.copies.filter((copies) => copies === 0).length;
    return planned;
  });
  const { moves, changed, missing } = totals;
  const balance = totals.mean > 0 ? totals.before / totals.mean : 1;
  const plannedBalance = totals.mean > 0 ? totals.after / totals.mean : 1;
  const reason =
    missing > 0 ? `${pods.length} pods have ${slots} slots for ${experts} experts of each layer` : '';
  return { layout, moves, changed, balance, plannedBalance, missing, reason };
}

function layerWeights(tokens: ArrayLike<number>, layer: number, experts: number): Float64Array {
  return Float64Array.from({ length: experts }, (_, at) => PRIOR_TOKENS + tokens[layer * experts + at]!);
}

function movesBetween(before: Layout[number], after: Layout[number]): number {
  return after.reduce((moves, experts, pod) => {
    const had = new Set(before[pod]);
    return moves + experts.filter((expert) => !had.has(expert)).length;
  }, 0);
}
