/** A stretch of what was said; times in milliseconds since the window's beginning. */
export interface TranscriptPart {
  text: string;
  startMs: number;
  endMs: number;
  /** Mean over its tokens. */
  logProbability: number;
  noSpeechProbability: number;
}

export interface WindowRequest {
  /** 16 kHz mono, at most 30 s. */
  samples: Float32Array;
  /** ISO 639-1; empty: found. */
  language: string;
  /** Into English. */
  translate: boolean;
  /** What was said before, or words that are likely. */
  before: string;
  /** 0 takes the likeliest; above draws. */
  temperature: number;
  /** Doubtful answers are tried again, and times are found. A quick one may be wrong. */
  thorough: boolean;
  segmentTimes: boolean;
  wordTimes: boolean;
  /** Ids that the answer begins with for certain, and those that probably follow: only without times. */
  forced: readonly number[];
  guess: readonly number[];
}

export interface WindowTranscript {
  text: string;
  /** Of the text's tokens, without times. */
  ids: number[];
  /** Behind each word: how many ids and how many characters of `text` there are up to there. */
  wordEnds: { ids: number; characters: number }[];
  language: string;
  /** Mean over the tokens. */
  logProbability: number;
  noSpeechProbability: number;
  segments: TranscriptPart[];
  words: TranscriptPart[];
  /** Work without waiting, microseconds. */
  computeUs: number;
}
