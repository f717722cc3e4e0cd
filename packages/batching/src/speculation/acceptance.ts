/** Weight of older guesses after one more. */
const MEMORY = 0.97;
/** Guesses that the prior counts for. */
const PRIOR_WEIGHT = 4;

/** The share of guesses that come out: an exponentially forgotten mean that starts from a prior. */
export class Acceptance {
  private kept = 0;
  private tried = 0;

  /** `prior`: the rate while nothing has been tried, read anew each time. */
  constructor(private readonly prior: () => number) {}

  get rate(): number {
    return (this.kept + PRIOR_WEIGHT * this.prior()) / (this.tried + PRIOR_WEIGHT);
  }

  add(kept: boolean): void {
    this.kept = MEMORY * this.kept + (kept ? 1 : 0);
    this.tried = MEMORY * this.tried + 1;
  }
}

/** Longest match of each class of guesses: a guess after a long match is more often right. */
const CLASS_ENDS = [1, 2, 4, 8, Number.POSITIVE_INFINITY] as const;

/** Rates of guesses by the length of the match that they follow from. */
export class MatchAcceptance {
  private readonly classes: Acceptance[] = [];

  /** `prior`: of guesses after a match of this length; a class that shorter matches beat begins with their rate. */
  constructor(prior: (length: number) => number) {
    for (const [i, end] of CLASS_ENDS.entries()) {
      this.classes.push(new Acceptance(() => Math.max(prior(end), this.classes[i - 1]?.rate ?? 0)));
    }
  }

  rate(length: number): number {
    return this.of(length).rate;
  }

  add(length: number, kept: boolean): void {
    this.of(length).add(kept);
  }

  private of(length: number): Acceptance {
    return this.classes[CLASS_ENDS.findIndex((end) => length <= end)] as Acceptance;
  }
}
