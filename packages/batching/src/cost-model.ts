/** Microseconds of a step: `decodeBaseUs + decodePerSequenceUs * decodes + prefillUsPerToken * promptTokens`. */
export interface StageCost {
  stage: number;
  decodeBaseUs: number;
  decodePerSequenceUs: number;
  prefillUsPerToken: number;
}

/** What one step did, and how long it took. */
export interface StepMeasure {
  stage: number;
  /** Sequences that decoded. */
  decodes: number;
  promptTokens: number;
  elapsedUs: number;
}

/** Weight of a measure after one more; 0.999 remembers about 1,000 steps. */
const MEMORY = 0.999;
/**
 * Share of a step's surprise that the pace takes over; 0.3 remembers about 3 steps. What a slower one has not followed
 * yet goes into the fits.
 */
const PACE_GAIN = 0.3;
/** Half of what the pace says is forgotten in this time without a step: who made it slow may have left meanwhile. */
const PACE_HALF_LIFE_US = 5_000_000;
/** A step is taken to be at most this many times slower or faster than expected: one hiccup is not a new pace. */
const MAX_SURPRISE = 4;
/** Measures of a stage before it says something on the pace: as many as a thinker makes of a new one. */
const SETTLED = 9;
/** How strongly the last estimate holds where recent steps say nothing, relative to one step of the usual weight. */
const ANCHOR = 0.02;
/**
 * Weight of each of the first measures: a thinker makes them on purpose, one step at a time, before it answers anyone.
 * Later steps come beside neighbours and before the pace has followed, and what one stage costs more than another must
 * not drift with them.
 */
const FIRST_WEIGHT = 20;
/**
 * What a stage can cost, as a multiple of what a lower one does: all of its planes are read and some more, 7.4 bits
 * for each weight at the top and 3.3 at the bottom (README); a tenth less is what kernels differ by. A stage that few
 * steps tell of, on a machine that others use too, is easily taken for five times as dear, and then nobody is sent
 * there to find out.
 */
const LEAST_OF_LOWER = 0.9;
const MOST_OF_LOWER = 2.25;
/** Regressors are scaled to a typical size, so that one anchor fits all. */
const SCALE = [1, 1 / 4, 1 / 64] as const;

/**
 * A step costs `pace * fit(stage)`. The pace is one quickly learned factor for all stages: what changes from one
 * second to the next is how much of the machine there is, and it slows every stage alike; it fades while nothing
 * runs. The fit of each stage is an exponentially forgotten least squares over its steps at pace 1, with a long
 * memory: were it to follow such changes itself, a batch of four in a slow second and a batch of one in a fast one
 * would look like the cost of a sequence. What the fit makes small is the relative error, since a step is late by a
 * share of its length: else one long prompt that came a little late would outweigh ten decodes and change their
 * price. Directions that its steps do not show (a batch of one says nothing on the cost of a second sequence) keep
 * the last estimate.
 */
export class CostModel {
  private readonly fits = new Map<number, Fit>();
  /** Natural logarithm of the pace; above 0 is slower than the fits say. */
  private pace = 0;
  /** When the last step ended. */
  private atUs = 0;

  /** A step that ended at `nowUs`, by any clock that does not go back; default: when the last one did. */
  observe({ stage, decodes, promptTokens, elapsedUs }: StepMeasure, nowUs = this.atUs): void {
    const fit = this.fits.get(stage) ?? new Fit();
    this.fits.set(stage, fit);
    const x = [SCALE[0], SCALE[1] * decodes, SCALE[2] * promptTokens];
    const expected = fit.at(x);
    this.pace = this.paceAt(nowUs);
    this.atUs = nowUs;
    if (fit.count >= SETTLED && expected > 0 && elapsedUs > 0) {
      const surprise = elapsedUs / expected / Math.exp(this.pace);
      const bounded = Math.min(MAX_SURPRISE, Math.max(1 / MAX_SURPRISE, surprise));
      this.pace += PACE_GAIN * Math.log(bounded);
    }
    const y = elapsedUs / Math.exp(this.pace);
    if (y > 0) fit.add(x, y, fit.count >= SETTLED && expected > 0 ? expected : y);
  }

  /** As of `nowUs`; default: when the last step ended. */
  cost(stage: number, nowUs = this.atUs): StageCost | undefined {
    const fit = this.fits.get(stage);
    if (!fit) return undefined;
    const pace = Math.exp(this.paceAt(nowUs));
    const [one, batch, token] = KINDS.map((kind) => this.time(stage, fit, kind)) as [number, number, number];
    const each = Math.min(one, Math.max(0, (batch - one) / (BATCH - 1)));
    return {
      stage,
      decodeBaseUs: pace * (one - each),
      decodePerSequenceUs: pace * each,
      prefillUsPerToken: pace * token,
    };
  }

  /** What the fit says, within what the stage that has seen most of this kind allows. */
  private time(stage: number, fit: Fit, kind: Kind): number {
    const time = fit.time(kind);
    const [bestStage, best] = [...this.fits].reduce((most, other) =>
      other[1].seen[kind] > most[1].seen[kind] ? other : most,
    );
    const known = best.time(kind);
    if (stage === bestStage || best.seen[kind] < LEAST_SEEN || known <= 0 || time <= 0) return time;
    const [least, most] =
      stage > bestStage ? [LEAST_OF_LOWER, MOST_OF_LOWER] : [1 / MOST_OF_LOWER, 1 / LEAST_OF_LOWER];
    return Math.min(most * known, Math.max(least * known, time));
  }

  /** Every stage that has been measured, ascending. */
  costs(nowUs = this.atUs): StageCost[] {
    return [...this.fits.keys()].sort((a, b) => a - b).map((stage) => this.cost(stage, nowUs) as StageCost);
  }

  private paceAt(nowUs: number): number {
    return this.pace * 2 ** (-Math.max(0, nowUs - this.atUs) / PACE_HALF_LIFE_US);
  }
}

/** A decode of one sequence, one of `BATCH` sequences, a token of a prompt. */
const KINDS = ['one', 'batch', 'token'] as const;
type Kind = (typeof KINDS)[number];
const BATCH = 8;
/** Steps that make a kind known: as many as a thinker makes of each on purpose. */
const LEAST_SEEN = 3;

class Fit {
  estimate = [0, 0, 0];
  private readonly moments = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ];
  private readonly response = [0, 0, 0];
  /** Sums of the weights, and of how often each counts, forgotten like the moments. */
  private weights = 0;
  private ones = 0;
  /** Measures so far. */
  count = 0;
  /** Those that tell of each kind. */
  readonly seen = { one: 0, batch: 0, token: 0 };

  /** Microseconds at pace 1. */
  time(kind: Kind): number {
    const [base, each, token] = this.estimate.map((value, i) => value * SCALE[i]!) as [
      number,
      number,
      number,
    ];
    return { one: base + each, batch: base + BATCH * each, token }[kind];
  }

  at(x: readonly number[]): number {
    return x.reduce((sum, value, i) => sum + value * this.estimate[i]!, 0);
  }

  /** The error of `y` counts relative to `typical`, above 0. */
  add(x: readonly number[], y: number, typical: number): void {
    const times = this.count < SETTLED ? FIRST_WEIGHT : 1;
    const weight = times / (typical * typical);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++)
        this.moments[i]![j] = MEMORY * this.moments[i]![j]! + weight * x[i]! * x[j]!;
      this.response[i] = MEMORY * this.response[i]! + weight * x[i]! * y;
    }
    this.weights = MEMORY * this.weights + weight;
    this.ones = MEMORY * this.ones + times;
    this.estimate = this.solve([0, 1, 2]);
    this.count++;
    if (x[1]! > 0) this.seen.one++;
    if (x[1]! > SCALE[1]) this.seen.batch++;
    if (x[2]! > 0) this.seen.token++;
  }

  /** Least squares over the `free` coefficients, the others 0; a negative cost is taken out and the rest solved again. */
  private solve(free: number[]): number[] {
    const anchor = (ANCHOR * this.weights) / this.ones;
    const matrix = free.map((i) => [
      ...free.map((j) => this.moments[i]![j]! + (i === j ? anchor : 0)),
      this.response[i]! + anchor * this.estimate[i]!,
    ]);
    const solution = gauss(matrix);
    const negative = free.filter((_, k) => solution[k]! < 0);
    if (negative.length > 0) return this.solve(free.filter((i) => !negative.includes(i)));
    const all = [0, 0, 0];
    free.forEach((i, k) => {
      all[i] = solution[k]!;
    });
    return all;
  }
}

/** Solves a positive definite system given as rows of [coefficients, right side]. */
function gauss(rows: number[][]): number[] {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j] = rows[i]![j]! - factor * rows[k]![j]!;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    let sum = rows[k]![n]!;
    for (let j = k + 1; j < n; j++) sum -= rows[k]![j]! * x[j]!;
    x[k] = sum / rows[k]![k]!;
  }
  return x;
}
