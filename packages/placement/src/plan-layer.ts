import { freshLayer } from './fresh-layer';
import { improveLayer } from './improve-layer';
import { LayerBoard } from './layer-board';
import { matchColumns } from './match-columns';
import { mendLayer } from './mend-layer';
import type { LayerLayout, PlacementPod } from './placement-pod';
import { type Redundancy, wantedCopies } from './wanted-copies';

export interface PlanPolicy extends Redundancy {
  /** Least fall of the balance (largest load over the mean) of a layer that experts are moved for. */
  gain: number;
  /** What it has to fall by in addition, for each share of the layer's slots that get another expert. */
  moveCost: number;
}

/** What it is worth to have a pod for all tokens of a layer, in units of the balance. */
const HELD_WORTH = 4;

export interface LayerPlan {
  layout: number[][];
  /** Slots that get another expert: to have every expert held, and for the balance. */
  mended: number;
  rebalanced: number;
  /** Load of the busiest pod as it was and as planned, and the mean, tokens. */
  before: number;
  after: number;
  mean: number;
  /** Experts without a pod. */
  missing: number;
}

/**
 * One layer. What is missing is mended in any case; where `mayRebalance`, the mended layer is held against what trades
 * make of it and against a fresh one, and the best is taken if it saves more than its moves cost.
 */
export function planLayer(
  pods: readonly PlacementPod[],
  weights: ArrayLike<number>,
  current: LayerLayout,
  mayRebalance: boolean,
  policy: PlanPolicy,
): LayerPlan {
  const slots = pods.reduce((sum, { capacity }) => sum + Math.min(capacity, weights.length), 0);
  const wanted = wantedCopies(weights, slots, pods.length, policy);
  const board = new LayerBoard(pods, weights, current);
  const { largest: before } = board;
  mendLayer(board, wanted);
  const layout = board.layout();
  const mended = movesBetween(current, layout);
  let best = { layout, board, moves: mended };
  if (mayRebalance) {
    let leastCost = costOf(board) - policy.gain;
    for (const other of [traded(board, wanted, policy), fresh(pods, weights, wanted, current)]) {
      const candidate = other.layout();
      const moves = movesBetween(current, candidate);
      const cost = costOf(other) + (policy.moveCost * (moves - mended)) / slots;
      if (cost > leastCost) continue;
      leastCost = cost;
      best = { layout: candidate, board: other, moves };
    }
  }
  return {
    layout: best.layout,
    mended: Math.min(mended, best.moves),
    rebalanced: Math.max(0, best.moves - mended),
    before,
    after: best.board.largest,
    mean: best.board.mean,
    missing: best.board.copies.filter((copies) => copies === 0).length,
  };
}

function traded(board: LayerBoard, wanted: Int32Array, { moveCost }: PlanPolicy): LayerBoard {
  const other = new LayerBoard(board.pods, board.weights, board.layout());
  improveLayer(other, wanted, moveCost);
  return other;
}

function fresh(
  pods: readonly PlacementPod[],
  weights: ArrayLike<number>,
  wanted: Int32Array,
  current: LayerLayout,
): LayerBoard {
  const matched = matchColumns(pods, freshLayer(pods, weights, wanted).layout(), current);
  const board = new LayerBoard(pods, weights, matched);
  mendLayer(board, wanted);
  return board;
}

function costOf({ balance, copies, weights }: LayerBoard): number {
  let all = 0;
  let missed = 0;
  for (const [expert, count] of copies.entries()) {
    all += weights[expert]!;
    if (count === 0) missed += weights[expert]!;
  }
  return balance + (HELD_WORTH * missed) / all;
}

function movesBetween(before: LayerLayout, after: LayerLayout): number {
  return after.reduce((moves, experts, pod) => {
    const had = new Set(before[pod]);
    return moves + experts.filter((expert) => !had.has(expert)).length;
  }, 0);
}
