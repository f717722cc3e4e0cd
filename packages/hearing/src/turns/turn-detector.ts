import { type Eagerness, semanticWaitMs } from './semantic-wait';
import { STEP_MS } from './steps';

export interface TurnSettings {
  /** Probability above which there is speech, 0 to 1. */
  threshold: number;
  /** Audio before the start that belongs to the utterance. */
  prefixPaddingMs: number;
  /** Silence that ends the utterance, unless what was said decides. */
  silenceMs: number;
  /** Null: silence alone decides. */
  eagerness: Eagerness | null;
}

/**
 * - `start` speech; `stepsBack` says how many steps ago it began
 * - `pause` silence that may be the end; somebody could transcribe meanwhile
 * - `stop` the utterance is over
 */
export type TurnHappening = { kind: 'start'; stepsBack: number } | { kind: 'pause' } | { kind: 'stop' };

/** One step this much surer than the threshold is a start; else it takes two in a row. */
const SURE = 0.25;
/** Speech goes on above the threshold less this. */
const HYSTERESIS = 0.15;
/** Silence after which an end is likely enough to prepare for it. */
const PAUSE_MS = 160;

/** Finds turns in probabilities of speech. Pure: time is counted in steps of 32 ms. */
export class TurnDetector {
  private speaking = false;
  private run = 0;
  private silentMs = 0;
  private waitMs: number;

  constructor(readonly settings: TurnSettings) {
    this.waitMs = this.unheardWaitMs();
  }

  get isSpeaking(): boolean {
    return this.speaking;
  }

  push(probability: number): TurnHappening | null {
    return this.speaking ? this.whileSpeaking(probability) : this.whileSilent(probability);
  }

  /** What was said up to the pause decides how long it may be. */
  judge(text: string, language: string): void {
    const { eagerness } = this.settings;
    if (eagerness !== null && this.silentMs > 0) this.waitMs = semanticWaitMs(text, language, eagerness);
  }

  /** What was heard is forgotten. */
  reset(): void {
    this.speaking = false;
    this.run = 0;
    this.silentMs = 0;
    this.waitMs = this.unheardWaitMs();
  }

  private whileSilent(probability: number): TurnHappening | null {
    const { threshold } = this.settings;
    this.run = probability >= threshold ? this.run + 1 : 0;
    if (this.run < 2 && probability < Math.min(threshold + SURE, (1 + threshold) / 2)) return null;
    const stepsBack = this.run;
    this.reset();
    this.speaking = true;
    return { kind: 'start', stepsBack };
  }

  private whileSpeaking(probability: number): TurnHappening | null {
    const { threshold } = this.settings;
    if (probability >= threshold - Math.min(HYSTERESIS, threshold / 2)) {
      this.silentMs = 0;
      this.waitMs = this.unheardWaitMs();
      return null;
    }
    const before = this.silentMs;
    this.silentMs += STEP_MS;
    if (this.silentMs >= this.waitMs) {
      this.reset();
      return { kind: 'stop' };
    }
    return before < PAUSE_MS && this.silentMs >= PAUSE_MS ? { kind: 'pause' } : null;
  }

  /** Until the words are there. */
  private unheardWaitMs(): number {
    const { eagerness, silenceMs } = this.settings;
    return eagerness === null ? silenceMs : semanticWaitMs('', '', eagerness);
  }
}
