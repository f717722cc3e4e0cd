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

/** Weight of a measure after one more; 0.97 remembers about 33 steps. */
const MEMORY = 0.97;
/** How strongly the last estimate holds where recent steps say nothing, relative to one step. */
const ANCHOR = 0.02;
/** Regressors are scaled to a typical size, so that one anchor fits all. */
const SCALE = [1, 1 / 4, 1 / 64] as const;

/**
 * Exponentially forgotten least squares over the steps of each stage. Directions that recent steps do not show
 * (a batch of one says nothing on the cost of a second sequence) keep the last estimate.
 */
export class CostModel {
  private readonly fits = new Map<number, Fit>();

  observe({ stage, decodes, promptTokens, elapsedUs }: StepMeasure): void {
    const fit = this.fits.get(stage) ?? new Fit();
    this.fits.set(stage, fit);
    fit.add([SCALE[0], SCALE[1] * decodes, SCALE[2] * promptTokens], elapsedUs);
  }

  cost(stage: number): StageCost | undefined {
    const [base, perSequence, perToken] = this.fits.get(stage)?.estimate ?? [];
    if (base === undefined || perSequence === undefined || perToken === undefined) return undefined;
    return {
      stage,
      decodeBaseUs: base * SCALE[0],
      decodePerSequenceUs: perSequence * SCALE[1],
      prefillUsPerToken: perToken * SCALE[2],
    };
  }

  /** Every stage that has been measured, ascending. */
  costs(): StageCost[] {
    return [...this.fits.keys()].sort((a, b) => a - b).map((stage) => this.cost(stage) as StageCost);
  }
}

class Fit {
  estimate = [0, 0, 0];
  private readonly moments = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ];
  private readonly response = [0, 0, 0];

  add(x: readonly number[], y: number): void {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) this.moments[i]![j] = MEMORY * this.moments[i]![j]! + x[i]! * x[j]!;
      this.response[i] = MEMORY * this.response[i]! + x[i]! * y;
    }
    this.estimate = this.solve([0, 1, 2]);
  }

  /** Least squares over the `free` coefficients, the others 0; a negative cost is taken out and the rest solved again. */
  private solve(free: number[]): number[] {
    const matrix = free.map((i) => [
      ...free.map((j) => this.moments[i]![j]! + (i === j ? ANCHOR : 0)),
      this.response[i]! + ANCHOR * this.estimate[i]!,
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
