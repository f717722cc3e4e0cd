import { seeded } from '../routing/requests';

export interface Cluster {
  layers: number;
  experts: number;
}

/** Tokens of one step, [layers][experts], for who has `layout` ([layers][pods], expert numbers). */
export type Load = (step: number, layout: readonly (readonly (readonly number[])[])[]) => Float64Array;

/** Tokens that each layer routes in a step, all experts together. */
const TOKENS = 80_000;
/** Exponent of Zipf's law: of 64 experts the hottest has 10 times the mean, as routers that were not balanced have. */
const ZIPF = 0.9;

/** Some experts are hot and stay so. */
export function skewed({ layers, experts }: Cluster, seed: number): Load {
  const random = seeded(seed);
  const popularity = ranks(layers, experts, random);
  return () => draw(popularity, random);
}

/** The same, but every step some ranks change hands: after half an hour nearly everything is different. */
export function drifting(cluster: Cluster, seed: number): Load {
  const random = seeded(seed);
  const { layers, experts } = cluster;
  const popularity = ranks(layers, experts, random);
  return () => {
    for (const layer of popularity) {
      if (random() > 0.5) continue;
      const [a, b] = [0, 0].map(() => Math.floor(random() * experts)) as [number, number];
      [layer[a], layer[b]] = [layer[b]!, layer[a]!];
    }
    return draw(popularity, random);
  };
}

/** Knows the placement: makes whatever one pod holds hot, another pod's every `period` steps. */
export function adversarial({ layers, experts }: Cluster, seed: number, period: number): Load {
  const random = seeded(seed);
  let popularity: Float64Array[] = [];
  return (step, layout) => {
    if (step % period === 0) {
      popularity = Array.from({ length: layers }, (_, layer) => {
        const pods = layout[layer]!;
        const victim = pods[Math.floor(random() * pods.length)] ?? [];
        return Float64Array.from({ length: experts }, (_, expert) => (victim.includes(expert) ? 10 : 1));
      });
    }
    return draw(popularity, random);
  };
}

/** All the same, but for chance. */
export function even({ layers, experts }: Cluster, seed: number): Load {
  const random = seeded(seed);
  const popularity = Array.from({ length: layers }, () => new Float64Array(experts).fill(1));
  return () => draw(popularity, random);
}

function ranks(layers: number, experts: number, random: () => number): Float64Array[] {
  return Array.from({ length: layers }, () => {
    const weights = Float64Array.from({ length: experts }, (_, rank) => 1 / (rank + 1) ** ZIPF);
    for (let at = experts - 1; at > 0; at--) {
      const other = Math.floor(random() * (at + 1));
      [weights[at], weights[other]] = [weights[other]!, weights[at]!];
    }
    return weights;
  });
}

/** Counts around what the popularity makes expect, with the spread that counts have. */
function draw(popularity: readonly Float64Array[], random: () => number): Float64Array {
  const experts = popularity[0]!.length;
  const tokens = new Float64Array(popularity.length * experts);
  for (const [layer, weights] of popularity.entries()) {
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [expert, weight] of weights.entries()) {
      const mean = (TOKENS * weight) / all;
      const normal = Math.sqrt(-2 * Math.log(random() || 1e-9)) * Math.cos(2 * Math.PI * random());
      tokens[layer * experts + expert] = Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
    }
  }
  return tokens;
}
