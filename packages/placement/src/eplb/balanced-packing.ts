export interface Packing {
  /** Pack of every item. */
  pack: number[];
  /** Place of every item in its pack. */
  rank: number[];
}

/**
 * Items into `packs` packs of equally many items, so that the packs weigh about the same: the heaviest item that is
 * left goes into the lightest pack that has room. Of equals the first counts, of items and of packs.
 */
export function balancedPacking(weights: readonly number[], packs: number): Packing {
  const room = weights.length / packs;
  if (!Number.isInteger(room)) throw new RangeError(`${weights.length} items do not fill ${packs} packs`);
  // One item each: there is nothing to balance, so nothing moves.
  if (room === 1) return { pack: weights.map((_, item) => item), rank: weights.map(() => 0) };
  const load = new Array<number>(packs).fill(0);
  const items = new Array<number>(packs).fill(0);
  const pack = new Array<number>(weights.length).fill(0);
  const rank = new Array<number>(weights.length).fill(0);
  for (const item of heaviestFirst(weights)) {
    let lightest = -1;
    for (let at = 0; at < packs; at++) {
      if (items[at]! < room && (lightest < 0 || load[at]! < load[lightest]!)) lightest = at;
    }
    pack[item] = lightest;
    rank[item] = items[lightest]!;
    items[lightest]!++;
    load[lightest]! += weights[item]!;
  }
  return { pack, rank };
}

/** Indices by falling weight; equals in their order. */
export function heaviestFirst(weights: ArrayLike<number>): number[] {
  return Array.from({ length: weights.length }, (_, item) => item).sort((a, b) => weights[b]! - weights[a]!);
}
