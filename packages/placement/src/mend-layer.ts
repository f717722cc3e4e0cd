import { heaviestFirst } from './eplb/balanced-packing';
import type { LayerBoard } from './layer-board';

/** Whether a copy of an expert may be taken from a pod. */
type MayGo = (expert: number, pod: number) => boolean;

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
  const extra: MayGo = (other) => board.copies[other]! > Math.max(1, wanted[other]!);
  const extraNear: MayGo = (other, pod) => extra(other, pod) && board.staysApart(other, pod);
  for (const expert of order) {
    while (board.copies[expert]! < wanted[expert]!) {
      if (place(board, expert, extraNear) || place(board, expert, extra)) continue;
      if (!placeByMoving(board, expert, extra)) break;
    }
  }
  // Where experts outnumber slots, a light one that is held is as good as one that is not.
  for (const expert of order) {
    if (board.copies[expert] === 0) place(board, expert, (other) => board.copies[other]! > 1);
  }
  fill(board);
}

/** Takes away what a pod holds beyond its capacity: what others hold too, and what carries least. */
function trim(board: LayerBoard, wanted: Int32Array): void {
  for (const pod of board.held.keys()) {
    while (board.room(pod) < 0) board.remove(pod, leastMissed(board, pod, wanted, () => true)!);
  }
}

/** On the best pod that has room, or in the place of something that `mayGo`; returns whether it could be placed. */
function place(board: LayerBoard, expert: number, mayGo: MayGo): boolean {
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

/**
 * The same where every pod that has room holds the expert already: another pod takes it and gives one of its own
 * away, that one's new pod likewise, until one has room; by the fewest moves. Returns whether there is such a chain.
 */
function placeByMoving(board: LayerBoard, expert: number, mayGo: MayGo): boolean {
  /** How each pod was come to: what it would take, and from whom; null for the first. */
  const steps = new Map<number, { takes: number; from: number | null }>();
  for (const [pod, held] of board.held.entries()) {
    if (!held.has(expert)) steps.set(pod, { takes: expert, from: null });
  }
  // A map is walked in the order of insertion, with what is inserted meanwhile: breadth first.
  for (const pod of steps.keys()) {
    const instead = board.room(pod) > 0 ? null : leastMissed(board, pod, null, mayGo);
    if (instead !== undefined) {
      if (instead !== null) board.remove(pod, instead);
      for (let at: number | null = pod; at !== null; ) {
        const { takes, from }: { takes: number; from: number | null } = steps.get(at)!;
        if (from !== null) board.remove(from, takes);
        board.add(at, takes);
        at = from;
      }
      return true;
    }
    for (const given of board.held[pod]!) {
      for (const [other, held] of board.held.entries()) {
        if (!steps.has(other) && !held.has(given)) steps.set(other, { takes: given, from: pod });
      }
    }
  }
  return false;
}

function leastMissed(
  board: LayerBoard,
  pod: number,
  wanted: Int32Array | null,
  mayGo: MayGo,
): number | undefined {
  let least: number | undefined;
  let leastLoss = Number.POSITIVE_INFINITY;
  for (const expert of board.held[pod]!) {
    if (!mayGo(expert, pod)) continue;
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
