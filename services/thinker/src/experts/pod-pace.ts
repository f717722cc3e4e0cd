/** Weight of the newest measurement. */
const NEW = 0.2;
/** What is known of a pod that is not asked loses half of its weight in this time, so that it is tried again. */
const HALF_LIFE_MS = 5000;
/** Of a pod that has not answered yet. */
const FIRST_HOP_US = 300;
const FIRST_PAIR_US = 5;

/** How fast a pod answers: the way there and back, and the arithmetic of a pair. */
export class PodPace {
  private hopUs = FIRST_HOP_US;
  private pairUs = FIRST_PAIR_US;
  private seenMs = Number.NEGATIVE_INFINITY;
  /** Pairs that it has been asked for and has not answered. */
  pairsInFlight = 0;

  /** An answer came `us` after its call, `computeUs` of them arithmetic. */
  saw(pairs: number, us: number, computeUs: number, nowMs: number): void {
    const known = this.seenMs > Number.NEGATIVE_INFINITY;
    const blend = (old: number, now: number) => (known ? old + NEW * (now - old) : now);
    this.hopUs = blend(this.hopUs, Math.max(0, us - computeUs));
    this.pairUs = blend(this.pairUs, computeUs / Math.max(1, pairs));
    this.seenMs = nowMs;
  }

  /** What a call of so many pairs would take now, microseconds. */
  timeUs(pairs: number, nowMs: number): number {
    const trust = 2 ** -(Math.max(0, nowMs - this.seenMs) / HALF_LIFE_MS);
    return trust * this.hopUs + this.pairUs * (pairs + this.pairsInFlight);
  }
}
