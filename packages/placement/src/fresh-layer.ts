import { heaviestFirst } from './eplb/balanced-packing';
import { LayerBoard } from './layer-board';
import type { PlacementPod } from './placement-pod';

/**
 * A layer as the load balancer of `rebalance` would place it, on pods as they are: of any number, with capacities of
 * their own, no expert twice on one, copies apart. Each expert has as many holders as wanted, further ones go to those
 * that carry most; then the heaviest copy that is left goes to the lightest pod that has room. May leave slots empty
 * and copies out where they do not come out even; `mendLayer` sees to those.
 */
export function freshLayer(
  pods: readonly PlacementPod[],
  weights: ArrayLike<number>,
  wanted: Int32Array,
): LayerBoard {
  const experts = weights.length;
  const slots = pods.reduce((sum, { capacity }) => sum + Math.min(capacity, experts), 0);
  const copies = copiesOf(weights, wanted, slots, pods.length);
  const share = Float64Array.from(copies, (count, expert) => (count > 0 ? weights[expert]! / count : 0));
  const board = new LayerBoard(pods, weights, []);
  const mean = share.reduce((sum, each, expert) => sum + each * copies[expert]!, 0) / pods.length;
  // Loads of the finished layer, which those on the board come to be only at its end.
  const load = new Float64Array(pods.length);
  for (const expert of heaviestFirst(share)) {
    for (let copy = 0; copy < copies[expert]!; copy++) {
      let best = -1;
      let bestCost = Number.POSITIVE_INFINITY;
      for (const pod of pods.keys()) {
        if (board.room(pod) <= 0 || board.held[pod]!.has(expert)) continue;
        const cost = load[pod]! + mean * (copy < wanted[expert]! ? 4 : 0) * board.clash(pod, expert);
        if (cost < bestCost) {
          best = pod;
          bestCost = cost;
        }
      }
      if (best < 0) break;
      board.add(best, expert);
      load[best]! += share[expert]!;
    }
  }
  return board;
}

function copiesOf(weights: ArrayLike<number>, wanted: Int32Array, slots: number, most: number): Int32Array {
  const copies = wanted.slice();
  let left = slots - copies.reduce((sum, count) => sum + count, 0);
  for (; left > 0; left--) {
    let busiest = -1;
    for (let expert = 0; expert < weights.length; expert++) {
      if (copies[expert]! >= most || copies[expert] === 0) continue;
      if (busiest < 0 || weights[expert]! / copies[expert]! > weights[busiest]! / copies[busiest]!)
        busiest = expert;
    }
    if (busiest < 0) break;
    copies[busiest]!++;
  }
  return copies;
}
