import { LoadWindow, loadBalance, type PlacementPod } from '@zen/placement';
import { quantile } from '../report';
import type { Cluster, Load } from './loads';
import type { MutableLayout, Planner } from './planners';

/** Seconds of a step, of the window and between two plans, as in the expert-router. */
const STEP_S = 10;
const WINDOW_S = 120;
const INTERVAL_S = 60;

export interface Run {
  cluster: Cluster;
  /** The pods of a step. */
  podsAt: (step: number) => readonly PlacementPod[];
  load: Load;
  planner: Planner;
  steps: number;
}

export interface Outcome {
  /** Largest load of a pod over the mean, over the steps after the first window. */
  balance: number;
  balanceP95: number;
  /** Slots that got another expert, by the slots that there are, in an hour; without the first placement. */
  movesPerHour: number;
  /** Largest number of pairs of layer and expert without a pod after a plan. */
  missing: number;
}

/** Plays a load against a way to place experts. A plan is in use from the next step on. */
export function simulate({ cluster, podsAt, load, planner, steps }: Run): Outcome {
  const { layers, experts } = cluster;
  const window = new LoadWindow(layers * experts, WINDOW_S * 1000);
  let held = new Map<string, number[][]>();
  let key = '';
  let moves = 0;
  let missing = 0;
  const balances: number[] = [];
  for (let step = 0; step < steps; step++) {
    const pods = podsAt(step);
    const ids = pods.map(({ id }) => id).join();
    const nowMs = step * STEP_S * 1000;
    const interval = step > 0 && (step * STEP_S) % INTERVAL_S === 0;
    if (ids !== key || interval) {
      const current: MutableLayout = Array.from({ length: layers }, (_, layer) =>
        pods.map(({ id }) => held.get(id)?.[layer] ?? []),
      );
      window.advance(nowMs);
      const due = interval || key === '';
      const layout = planner({ pods, experts, current, tokens: window.tokens, due });
      if (key !== '') moves += movesBetween(current, layout) / slotsOf(pods, experts, layers);
      missing = Math.max(missing, ...layout.map((layer) => experts - new Set(layer.flat()).size));
      held = new Map(pods.map(({ id }, at) => [id, layout.map((layer) => layer[at]!)]));
      key = ids;
    }
    const layout = Array.from({ length: layers }, (_, layer) => pods.map(({ id }) => held.get(id)![layer]!));
    const tokens = load(step, layout);
    if (step * STEP_S >= WINDOW_S) balances.push(loadBalance(layout, experts, tokens));
    window.add(tokens, nowMs);
  }
  return {
    balance: balances.reduce((sum, each) => sum + each, 0) / balances.length,
    balanceP95: quantile(balances, 0.95),
    movesPerHour: (moves * 3600) / (steps * STEP_S),
    missing,
  };
}

function slotsOf(pods: readonly PlacementPod[], experts: number, layers: number): number {
  return layers * pods.reduce((sum, { capacity }) => sum + Math.min(capacity, experts), 0);
}

function movesBetween(before: MutableLayout, after: MutableLayout): number {
  let moves = 0;
  for (const [layer, pods] of after.entries()) {
    for (const [pod, experts] of pods.entries()) {
      const had = new Set(before[layer]![pod]);
      moves += experts.filter((expert) => !had.has(expert)).length;
    }
  }
  return moves;
}
