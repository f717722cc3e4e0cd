/** Where the requests of a span found their deltas; `store` had to send them. */
export type TierHits = Record<Tier, number>;
export type Tier = (typeof TIERS)[number];
const TIERS = ['slot', 'host', 'disk', 'store'] as const;
const METRIC = 'zen_thinker_delta_hits_total';

/** Sums what thinkers have counted so far, by their /metrics. */
export async function tierHits(probes: readonly string[]): Promise<TierHits> {
  const hits: TierHits = { slot: 0, host: 0, disk: 0, store: 0 };
  for (const probe of probes) {
    const text = await (await fetch(`http://${probe}/metrics`)).text();
    if (!text.includes(METRIC)) throw new Error(`${probe} does not count ${METRIC}`);
    for (const tier of TIERS) {
      const value = new RegExp(`^${METRIC}\\{[^}]*tier="${tier}"[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1];
      // A tier that has not had one yet is not named.
      hits[tier] += Number(value ?? 0);
    }
  }
  return hits;
}

export function between(before: TierHits, after: TierHits): TierHits {
  return Object.fromEntries(TIERS.map((tier) => [tier, after[tier] - before[tier]])) as TierHits;
}

/** Shares of all, 0 to 1. */
export function shares(hits: TierHits): TierHits {
  const all = TIERS.reduce((sum, tier) => sum + hits[tier], 0);
  return Object.fromEntries(TIERS.map((tier) => [tier, hits[tier] / all])) as TierHits;
}
