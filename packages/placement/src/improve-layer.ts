import type { LayerBoard } from './layer-board';

/** The lightest pods that experts of the busiest one are tried on: the best trade is nearly always with one of them. */
const PARTNERS = 4;

type Trade =
  /** `expert` of the busiest pod also goes to `pod`, in the place of `instead`, which others hold too. */
  | { t: 'copy'; pod: number; expert: number; instead: number }
  /** The busiest pod and `pod` change `expert` for `instead`. */
  | { t: 'swap'; pod: number; expert: number; instead: number };

/**
 * Takes load from the busiest pod, one trade after the other, as long as each saves at least `leastGain` of the
 * balance for every share of the layer's slots that it moves. Keeps as many holders as are wanted, on as many machines.
 */
export function improveLayer(board: LayerBoard, wanted: Int32Array, leastGain: number): void {
  const slots = board.held.reduce((sum, { size }) => sum + size, 0);
  if (slots === 0 || board.pods.length < 2) return;
  let best = board.balance;
  let bestCost = best;
  /** What has been done since the best, to be undone where nothing better came of it. */
  let since: [busiest: number, trade: Trade][] = [];
  let moves = 0;
  // Each trade fills one slot or two; more trades than slots would be another layout.
  for (let left = slots; left > 0; left--) {
    // Not even a perfect balance would pay for one more move.
    if (1 + (leastGain * (moves + 1)) / slots >= bestCost) break;
    const busiest = busiestOf(board);
    const trade = bestTrade(board, busiest, wanted);
    if (!trade) break;
    apply(board, busiest, trade);
    since.push([busiest, trade]);
    moves += trade.t === 'swap' ? 2 : 1;
    best = board.balance;
    const cost = best + (leastGain * moves) / slots;
    if (cost >= bestCost - 1e-9) continue;
    bestCost = cost;
    since = [];
  }
  for (const [busiest, trade] of since.reverse()) undo(board, busiest, trade);
}

function busiestOf(board: LayerBoard): number {
  let busiest = 0;
  for (const [pod, load] of board.load.entries()) if (load > board.load[busiest]!) busiest = pod;
  return busiest;
}

/** The one that evens the two pods' loads most; undefined where none does. */
function bestTrade(board: LayerBoard, busiest: number, wanted: Int32Array): Trade | undefined {
  let best: Trade | undefined;
  const { load, held } = board;
  const top = load[busiest]!;
  // Below this the other pod would be as busy as this one is now.
  let lowest = top * (1 - 1e-9);
  const partners = [...board.pods.keys()]
    .filter((pod) => pod !== busiest)
    .sort((a, b) => load[a]! - load[b]!)
    .slice(0, PARTNERS);
  const mayMove = (from: number, to: number, expert: number) =>
    wanted[expert]! < 2 || board.staysApart(expert, from, to);
  const here = sharesOf(board, busiest);
  for (const pod of partners) {
    const there = sharesOf(board, pod);
    for (const [at, expert] of here.experts.entries()) {
      if (held[pod]!.has(expert)) continue;
      const share = here.shares[at]!;
      const copied = board.weights[expert]! / (board.copies[expert]! + 1);
      for (const [other, instead] of there.experts.entries()) {
        const back = there.shares[other]!;
        const swapped = Math.max(top - share + back, load[pod]! + share - back);
        if (swapped < lowest && !held[busiest]!.has(instead)) {
          if (mayMove(busiest, pod, expert) && mayMove(pod, busiest, instead)) {
            lowest = swapped;
            best = { t: 'swap', pod, expert, instead };
          }
        }
        // Without what the other holders of `instead` take over, of whom the busiest may be one.
        const copies = Math.max(top - share + copied, load[pod]! + copied - back);
        if (copies >= lowest || board.copies[instead]! <= Math.max(1, wanted[instead]!)) continue;
        const over = held[busiest]!.has(instead)
          ? board.weights[instead]! / (board.copies[instead]! - 1) - back
          : 0;
        const peak = Math.max(top - share + copied + over, load[pod]! + copied - back);
        if (peak < lowest && board.staysApart(instead, pod)) {
          lowest = peak;
          best = { t: 'copy', pod, expert, instead };
        }
      }
    }
  }
  return best;
}

/** What a pod holds, and what each of it makes it carry. */
function sharesOf(board: LayerBoard, pod: number): { experts: number[]; shares: Float64Array } {
  const experts = [...board.held[pod]!];
  return { experts, shares: Float64Array.from(experts, (expert) => board.share(expert)) };
}

function apply(board: LayerBoard, busiest: number, trade: Trade): void {
  const { pod, expert, instead } = trade;
  board.remove(pod, instead);
  board.add(pod, expert);
  if (trade.t === 'copy') return;
  board.remove(busiest, expert);
  board.add(busiest, instead);
}

function undo(board: LayerBoard, busiest: number, trade: Trade): void {
  const { pod, expert, instead } = trade;
  if (trade.t === 'swap') {
    board.remove(busiest, instead);
    board.add(busiest, expert);
  }
  board.remove(pod, expert);
  board.add(pod, instead);
}
