/** An expert of a call, and the pods that may compute it. */
export interface PodNeed<P> {
  /** Index of the expert in its call. */
  at: number;
  pairs: number;
  /** Empty: nobody has it. */
  pods: readonly P[];
}

/** What one more message costs whoever sends it, microseconds: a pod more has to save at least that. */
const MESSAGE_US = 150;

/**
 * Who computes what of a call: so that the last pod is done as early as possible, in as few messages as that takes.
 * `timeUs`: what a pod needs for a call of so many pairs. Experts that nobody has are left out.
 */
export function choosePods<P>(
  needs: readonly PodNeed<P>[],
  timeUs: (pod: P, pairs: number) => number,
): Map<P, number[]> {
  const planned = new Map<P, { pairs: number; experts: number[] }>();
  // Those without a choice first, then the large ones, which are hard to place late.
  const order = [...needs].sort((a, b) => a.pods.length - b.pods.length || b.pairs - a.pairs || a.at - b.at);
  for (const { at, pairs, pods } of order) {
    let best: P | undefined;
    let bestUs = Number.POSITIVE_INFINITY;
    for (const pod of pods) {
      const before = planned.get(pod);
      const us = timeUs(pod, (before?.pairs ?? 0) + pairs) + (before ? 0 : MESSAGE_US);
      if (us >= bestUs) continue;
      bestUs = us;
      best = pod;
    }
    if (best === undefined) continue;
    const plan = planned.get(best) ?? { pairs: 0, experts: [] };
    plan.pairs += pairs;
    plan.experts.push(at);
    planned.set(best, plan);
  }
  return new Map([...planned].map(([pod, { experts }]) => [pod, experts.sort((a, b) => a - b)]));
}
