import { type ExpertCosts, expertCaps } from '@zen/ladder';

/** The window forgets half of what it holds in so many ticks. */
const HALF_LIFE_TICKS = 120;
const FORGET = 2 ** (-1 / HALF_LIFE_TICKS);
/** A change costs the prefix cache: looked at once in so many ticks. */
const EVERY_TICKS = 30;

/** Hot experts at high stages, cold ones at low ones, as many bytes as there may be; a tick is a second. */
export class CapsPolicy {
  private readonly window: Float64Array;
  private ticks = 0;
  private caps: Int8Array | null = null;

  constructor(
    private readonly costs: ExpertCosts,
    pairs: number,
    private readonly budgetBytes: number,
  ) {
    this.window = new Float64Array(pairs);
  }

  /** Rows that each expert was chosen for since the last tick. Gives new caps where they change, else null. */
  tick(rows: ArrayLike<number>): Int8Array | null {
    for (let pair = 0; pair < this.window.length; pair++) {
      this.window[pair] = (this.window[pair] as number) * FORGET + (rows[pair] ?? 0);
    }
    if (++this.ticks % EVERY_TICKS !== 0) return null;
    const caps = expertCaps(this.window, this.costs, this.caps, { budgetBytes: this.budgetBytes });
    if (caps === this.caps) return null;
    this.caps = caps;
    return caps;
  }

  /** Pairs of a layer and an expert that are computed below this stage, whatever the stage of the answer. */
  below(stage: number): number {
    return this.caps?.reduce((count, cap) => count + (cap < stage ? 1 : 0), 0) ?? 0;
  }
}
