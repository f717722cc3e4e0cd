import { heaviestFirst } from './eplb/balanced-packing';

export interface Redundancy {
  /** Pods that shall hold each hot expert; the others too, where all of them fit. */
  copies: number;
  /** An expert is hot from this multiple of the mean load of its layer on. */
  hot: number;
}

/**
 * Holders that each expert shall have at least; [experts], 0 where there are fewer slots than experts. What is left
 * of the slots goes where it helps the balance most.
 */
export function wantedCopies(
  weights: ArrayLike<number>,
  slots: number,
  pods: number,
  { copies, hot }: Redundancy,
): Int32Array {
  const experts = weights.length;
  const order = heaviestFirst(weights);
  const wanted = new Int32Array(experts);
  for (const expert of order.slice(0, slots)) wanted[expert] = 1;
  const most = Math.min(copies, pods);
  const threshold = (hot * sum(weights)) / experts;
  const everybody = slots >= most * experts;
  let left = slots - experts;
  for (const expert of order) {
    if (left < most - 1 || !(everybody || weights[expert]! >= threshold)) break;
    wanted[expert] = most;
    left -= most - 1;
  }
  return wanted;
}

function sum(weights: ArrayLike<number>): number {
  let total = 0;
  for (let at = 0; at < weights.length; at++) total += weights[at]!;
  return total;
}
