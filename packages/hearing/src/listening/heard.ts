import type { TranscriptPart } from '../whisper/transcript';

/** What one call's listening tells. Times are milliseconds of audio since the call's beginning. */
export type Heard =
  | { kind: 'speech-started'; positionMs: number; utterance: number }
  | { kind: 'speech-stopped'; positionMs: number; utterance: number }
  | HeardTranscript;

export interface HeardTranscript {
  kind: 'transcript';
  utterance: number;
  text: string;
  final: boolean;
  /** Characters of `text` that no later partial changes. */
  stableLength: number;
  language: string;
  startMs: number;
  endMs: number;
  /** Of the commit that asked for it; empty for the end of a turn. */
  tag: string;
  segments: TranscriptPart[];
  words: TranscriptPart[];
  computeUs: number;
  logProbability: number;
  noSpeechProbability: number;
}
