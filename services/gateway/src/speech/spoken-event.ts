import type { VoiceQuality } from '@zen/contracts';

/** What an utterance gives, whichever talkers speak it. Positions are samples, offsets UTF-16 code units (or ids). */
export type SpokenEvent =
  | SpokenStart
  | SpokenClause
  | { kind: 'frame'; pcm: Buffer; position: number; clause: number }
  | SpokenMove
  | { kind: 'end'; samples: number; textLength: number; computeUs: number };

/** Once, first of all. */
export interface SpokenStart {
  kind: 'start';
  voice: string;
  sampleRate: number;
  quality: VoiceQuality;
  seed: bigint;
  queueUs: number;
}

/** Comes right before its first frame. Clauses follow each other without a gap in text. */
export interface SpokenClause {
  kind: 'clause';
  index: number;
  textStart: number;
  textEnd: number;
  firstSample: number;
  /** As many as its talker has made; a move that follows says how many of them never come. */
  samples: number;
  synthesisUs: number;
}

/** The talker went in the middle, and another goes on: with the text after the clause that was being said. */
export interface SpokenMove {
  kind: 'move';
  /** Addresses; nobody goes on where only the end of the last clause is lost. */
  from: string;
  to: string;
  /** The clause whose end nobody hears; -1 where nothing is lost. */
  clause: number;
  lostSamples: number;
  /** From the failure to the next talker's answer, milliseconds. */
  tookMs: number;
  reason: string;
}
