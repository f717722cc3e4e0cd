import type { Layout } from './placement-pod';

/**
 * Largest load of a pod over the mean, all layers together, when the tokens of an expert are shared equally by its
 * holders; 1 where nobody carries anything. `tokens`: [layers][experts].
 */
export function loadBalance(layout: Layout, experts: number, tokens: ArrayLike<number>): number {
  let largest = 0;
  let mean = 0;
  for (const [layer, pods] of layout.entries()) {
    const copies = new Int32Array(experts);
    for (const held of pods) for (const expert of held) copies[expert]!++;
    let all = 0;
    let most = 0;
    for (const held of pods) {
      let load = 0;
      for (const expert of held) load += tokens[layer * experts + expert]! / copies[expert]!;
      all += load;
      most = Math.max(most, load);
    }
    largest += most;
    mean += all / Math.max(1, pods.length);
  }
  return mean > 0 ? largest / mean : 1;
}
