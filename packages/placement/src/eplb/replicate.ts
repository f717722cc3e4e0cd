export interface Replication {
  /** Expert of every replica; the first ones are the experts themselves, in their order. */
  experts: number[];
  /** Which of its expert's replicas each one is, from 0. */
  rank: number[];
  /** Replicas of every expert. */
  counts: number[];
}

/** One replica of every expert, then each further one to the expert whose replicas carry most. Of equals the first. */
export function replicate(weights: readonly number[], replicas: number): Replication {
  if (replicas < weights.length) throw new RangeError(`${replicas} replicas of ${weights.length} experts`);
  const experts = weights.map((_, expert) => expert);
  const rank = weights.map(() => 0);
  const counts = weights.map(() => 1);
  while (experts.length < replicas) {
    let busiest = 0;
    for (let expert = 1; expert < weights.length; expert++) {
      if (weights[expert]! / counts[expert]! > weights[busiest]! / counts[busiest]!) busiest = expert;
    }
    experts.push(busiest);
    rank.push(counts[busiest]!);
    counts[busiest]!++;
  }
  return { experts, rank, counts };
}
