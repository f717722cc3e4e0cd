/** One request of a load: when it comes and how big it is. */
export interface Arrival {
  atMs: number;
  promptTokens: number;
  answerTokens: number;
}

export type LoadShape = 'constant' | 'diurnal' | 'burst' | 'adversarial';
export const LOAD_SHAPES: LoadShape[] = ['constant', 'diurnal', 'burst', 'adversarial'];

export interface LoadOptions {
  /** Requests per second that the best rung alone can serve within the objective. */
  capacity: number;
  seconds: number;
  seed: number;
  promptTokens: readonly [least: number, most: number];
  answerTokens: readonly [least: number, most: number];
}

/** mulberry32: uniform in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Shares of the capacity at a moment, 0 to 1 through the load. */
const RATES: Record<LoadShape, (share: number, seconds: number) => number> = {
  constant: () => 0.7,
  // One day and one night.
  diurnal: (share) => 0.9 - 0.7 * Math.cos(2 * Math.PI * share),
  // A third of the time at over twice of what the best rung can do.
  burst: (share) => (share >= 0.25 && share < 0.6 ? 2.2 : 0.3),
  // Floods of 3 s, just as long apart as it takes to have risen again.
  adversarial: (share, seconds) => ((share * seconds) % 7 < 3 ? 2.6 : 0.1),
};

/** An open-loop load: arrivals are Poisson at the shape's rate and wait for nobody. Same options, same load. */
export function loadOf(shape: LoadShape, options: LoadOptions): Arrival[] {
  const { capacity, seconds, seed, promptTokens, answerTokens } = options;
  const random = seeded(seed);
  const rate = (atMs: number) => capacity * RATES[shape](atMs / 1000 / seconds, seconds);
  const most = 3 * capacity;
  const arrivals: Arrival[] = [];
  for (let atMs = 0; ; ) {
    // Thinning: candidates at a rate that is never exceeded, kept in proportion.
    atMs += (-Math.log(1 - random()) / most) * 1000;
    if (atMs >= seconds * 1000) return arrivals;
    const kept = random() * most < rate(atMs);
    const size = random();
    const length = random();
    if (!kept) continue;
    arrivals.push({
      atMs,
      promptTokens: within(promptTokens, size),
      answerTokens: within(answerTokens, length),
    });
  }
}

/** Skewed to the short end, as requests are. */
function within([least, most]: readonly [number, number], share: number): number {
  return Math.round(least + (most - least) * share * share);
}
