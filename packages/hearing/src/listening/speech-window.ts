import { STEP } from '../turns/steps';

const RATE = 16_000;
/** Steps (32 ms) that a window has at most, and from which on it may be cut. */
const MOST_STEPS = Math.floor((28 * RATE) / STEP);
const CUT_FROM = Math.floor((15 * RATE) / STEP);
/** A cut is in the middle of the quietest so many steps. */
const QUIET_STEPS = 7;
/** Silence that is kept before the first speech, steps. */
const LEAD_STEPS = 16;
/** Two steps in a row above this are speech; a step above the other continues it. */
const SPEECH = 0.4;
const STILL_SPEECH = 0.3;
/** Kept behind the last speech, samples: a consonant ends more softly than the detector hears. */
const MARGIN = 0.3 * RATE;

/** At most 28 s of an utterance: what is not yet decided about. */
export class SpeechWindow {
  private samples = new Float32Array(4 * RATE);
  private probabilities: number[] = [];
  /** Whether somebody speaks in it. */
  spoken = false;
  /** End of the last step with speech, samples since the call's beginning. */
  speechEnd = 0;

  /** @param start of its first sample, since the call's beginning */
  constructor(public start: number) {}

  get length(): number {
    return this.probabilities.length * STEP;
  }

  get isFull(): boolean {
    return this.probabilities.length >= MOST_STEPS;
  }

  append(step: Float32Array, probability: number): void {
    const at = this.length;
    if (at + STEP > this.samples.length) {
      const more = new Float32Array(2 * this.samples.length);
      more.set(this.samples);
      this.samples = more;
    }
    this.samples.set(step, at);
    const before = this.probabilities.at(-1) ?? 0;
    this.probabilities.push(probability);
    if (probability >= SPEECH && before >= SPEECH) this.spoken = true;
    if (probability >= STILL_SPEECH) this.speechEnd = this.start + this.length;
  }

  /** Forgets silence in front of speech that has not come yet. */
  forgetSilence(): void {
    const excess = this.probabilities.length - LEAD_STEPS;
    if (this.spoken || excess <= LEAD_STEPS) return;
    this.drop(excess);
  }

  /** What is said in it, for good. */
  speech(): Float32Array {
    const end = Math.min(this.length, this.speechEnd + MARGIN - this.start);
    return this.samples.slice(0, Math.max(0, end));
  }

  /** Takes what is before the quietest moment of its later part; the rest stays. */
  cut(): { start: number; speech: Float32Array; spoken: boolean } {
    let at = this.probabilities.length;
    let least = Number.POSITIVE_INFINITY;
    for (let end = CUT_FROM; end <= this.probabilities.length; end++) {
      let sum = 0;
      for (let i = end - QUIET_STEPS; i < end; i++) sum += this.probabilities[i]!;
      if (sum > least) continue;
      least = sum;
      at = end - (QUIET_STEPS >> 1);
    }
    const head = { start: this.start, speech: this.samples.slice(0, at * STEP), spoken: this.spoken };
    this.drop(at);
    return head;
  }

  private drop(steps: number): void {
    this.samples.copyWithin(0, steps * STEP, this.length);
    this.probabilities = this.probabilities.slice(steps);
    this.start += steps * STEP;
    this.spoken = this.probabilities.some((one, i, all) => one >= SPEECH && (all[i - 1] ?? 0) >= SPEECH);
  }
}
