import { heaviestFirst } from './eplb/balanced-packing';
import type { LayerBoard } from './layer-board';

/**
 * As few moves as make a layer whole: nobody above its capacity, every expert somewhere, as many holders as wanted,
 * no slot empty. Extra holders give way where there is no other room. What cannot be had is left out.
 */
export function mendLayer(board: LayerBoard, wanted: Int32Array): void {
  trim(board, wanted);
  const order = heaviestFirst(board.weights);
  for (const expert of order) {
    if (wanted[expert]! > 0 && board.copies[expert] === 0)
      place(board, expert, (other) => board.copies[other]! > 1);
  }
  const extra = (other: number) => board.copies[other]! > Math.max(1, wanted[other]!);
  for (const expert of order) {
    while (board.copies[expert]! < wanted[expert]! && place(board, expert, extra));
  }
  // Where experts outnumber slots, those that were there before the heavier ones came may stay.
  for (const expert of order) if (board.copies[expert] === 0) place(board, expert, () => false);
  fill(board);
}

/** Takes away what a pod holds beyond its capacity: what others hold too, and what carries least. */
function trim(board: LayerBoard, wanted: Int32Array): void {
  for (const pod of board.held.keys()) {
    while (board.room(pod) < 0) board.remove(pod, leastMissed(board, pod, wanted, () => true)!);
  }
}

/** On the best pod that has room, or in the place of something that `mayGo`; returns whether it could be placed. */
function place(board: LayerBoard, expert: number, mayGo: (expert: number) => boolean): boolean {
  let best: { pod: number; instead: number | null; cost: number } | null = null;
  for (const [pod, held] of board.held.entries()) {
    if (held.has(expert)) continue;
    const instead = board.room(pod) > 0 ? null : leastMissed(board, pod, null, mayGo);
    if (instead === undefined) continue;
    // Copies on one machine go together, which is worth more than an even load.
    let cost = board.load[pod]! + board.mean * 4 * board.clash(pod, expert);
    if (instead !== null) cost += board.mean * 16 + board.share(instead);
    if (best === null || cost < best.cost) best = { pod, instead, cost };
  }
  if (best === null) return false;
  if (best.instead !== null) board.remove(best.pod, best.instead);
  board.add(best.pod, expert);
  return true;
}

function leastMissed(
  board: LayerBoard,
  pod: number,
  wanted: Int32Array | null,
  mayGo: (expert: number) => boolean,
): number | undefined {
  let least: number | undefined;
  let leastLoss = Number.POSITIVE_INFINITY;
  for (const expert of board.held[pod]!) {
    if (!mayGo(expert)) continue;
    const copies = board.copies[expert]!;
    const last = copies === 1 || (wanted !== null && copies <= wanted[expert]!);
    const loss = (last ? 1e12 : 0) + board.share(expert);
    if (loss < leastLoss) {
      least = expert;
      leastLoss = loss;
    }
  }
  return least;
}

/** Slots that are left go to further copies of what carries most. */
function fill(board: LayerBoard): void {
  for (;;) {
    let pod = -1;
    for (const at of board.held.keys()) {
      if (board.room(at) > 0 && (pod < 0 || board.load[at]! < board.load[pod]!)) pod = at;
    }
    if (pod < 0) return;
    let busiest = -1;
    for (let expert = 0; expert < board.experts; expert++) {
      if (board.copies[expert] === 0 || board.held[pod]!.has(expert)) continue;
      if (busiest < 0 || board.share(expert) > board.share(busiest)) busiest = expert;
    }
    if (busiest < 0) return;
    board.add(pod, busiest);
  }
}
