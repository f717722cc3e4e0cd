import { CallTimes } from './call-times';

/** Second askings for each call at most, in the long run: a slow fleet must not be asked everything twice. */
const SHARE = 0.1;
/** So many may come in a row, as when a pod has just stopped. */
const BURST = 20;
/** While nothing is measured: this share of the silence after which a pod counts as gone. */
const UNMEASURED = 0.25;
const SHORTEST_US = 1000;

/** When a call has waited so long that a replica is asked too. */
export class Hedging {
  readonly times = new CallTimes();
  private credit = BURST;

  constructor(
    /** 50 to 99; null: never. */
    private readonly percent: number | null,
    private readonly silenceUs: number,
  ) {}

  /** A call is sent; after so many microseconds it is late. Infinity: never. */
  begin(pairs: number): number {
    this.credit = Math.min(BURST, this.credit + SHARE);
    if (this.percent === null) return Number.POSITIVE_INFINITY;
    const usual = this.times.percentile(pairs, this.percent) ?? this.silenceUs * UNMEASURED;
    return Math.max(SHORTEST_US, usual);
  }

  /** Whether a late call may be asked a second time now; true takes the credit for it. */
  take(): boolean {
    if (this.credit < 1) return false;
    this.credit--;
    return true;
  }
}
