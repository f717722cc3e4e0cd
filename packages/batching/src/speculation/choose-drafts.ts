/** What a sequence could draft. */
export interface Candidate {
  /** Probability that guess i comes out once those before it have, for each guess that may be made. */
  rates: readonly number[];
  /** Microseconds that drafting one token takes; 0 where it costs nothing. */
  draftUs: number;
}

export interface DraftCosts {
  /** Sequences in the step, drafting or not. */
  sequences: number;
  /** Microseconds of a step of so many rows. */
  stepUs(rows: number): number;
  /** Rows that drafts may add. */
  mostRows: number;
}

export interface Choice {
  /** Guesses for each candidate. */
  counts: number[];
  /** Expected speed-up of the step's sequences, a geometric mean; 1 without drafts. */
  gain: number;
}

/**
 * How much each sequence should draft: the counts that maximize the geometric mean of all sequences' speeds,
 * `Π E_i / T^n`, with E_i the expected tokens of sequence i, 1 + α₁ + α₁α₂ + …, and T the step's time. For one
 * sequence and a constant α that is (1 − α^(γ+1)) / ((1 − α) · T(γ+1)/T(1)), and with drafts that cost c each
 * (1 − α^(γ+1)) / ((1 − α)(γc + v)). The mean makes a sequence pay for slowing down its neighbours, so drafting ends
 * by itself in a large batch.
 *
 * Guesses are taken in the order of what they bring, and the best of all prefixes wins: the first one may cost
 * more than it brings, because several rows take another way through the kernels.
 */
export function chooseDrafts(candidates: readonly Candidate[], costs: DraftCosts): Choice {
  const { sequences, stepUs, mostRows } = costs;
  const plainUs = stepUs(sequences);
  const counts = candidates.map(() => 0);
  const open = candidates.map(({ rates }) => ({ expected: 1, reached: 1, rates }));
  let best: Choice = { counts: [...counts], gain: 1 };
  let logTokens = 0;
  let draftUs = 0;
  for (let rows = 1; rows <= mostRows; rows++) {
    let chosen = -1;
    let brings = Number.NEGATIVE_INFINITY;
    open.forEach(({ expected, reached, rates }, i) => {
      const rate = rates[counts[i] as number];
      if (rate === undefined) return;
      const cost = (candidates[i] as Candidate).draftUs / plainUs;
      const gain = Math.log1p((reached * rate) / expected) - sequences * cost;
      if (gain > brings) [chosen, brings] = [i, gain];
    });
    const state = open[chosen];
    if (state === undefined) break;
    state.reached *= state.rates[counts[chosen] as number] as number;
    logTokens += Math.log1p(state.reached / state.expected);
    state.expected += state.reached;
    draftUs += (candidates[chosen] as Candidate).draftUs;
    counts[chosen] = (counts[chosen] as number) + 1;
    const slower = (stepUs(sequences + rows) + draftUs) / plainUs;
    const gain = Math.exp(logTokens / sequences) / slower;
    if (gain > best.gain) best = { counts: [...counts], gain };
  }
  return best;
}
