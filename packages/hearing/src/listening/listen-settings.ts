import type { TurnSettings } from '../turns/turn-detector';

/** What one listening call wants. */
export interface ListenSettings {
  /** ISO 639-1; empty: found from the audio. */
  language: string;
  /** Words that are likely. */
  prompt: string;
  /** Null: only a commit ends an utterance. */
  turns: TurnSettings | null;
  partials: boolean;
  wordTimes: boolean;
  segmentTimes: boolean;
  translate: boolean;
  temperature: number;
}
