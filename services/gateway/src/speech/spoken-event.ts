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

/**
 * A clause, or a part of one, right before its first frame. They follow each other without a gap in text, but for what a
 * move lost.
 */
export interface SpokenClause {
  kind: 'clause';
  index: number;
  textStart: number;
  textEnd: number;
  /** Where the whole clause ends. */
  clauseEnd: number;
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
  /** Index of the last clause, or part of one, if the rest of its clause is lost; else -1. */
  clause: number;
  /** Of it: samples that were made and never came. */
  lostSamples: number;
  /** Text of the clause that belongs to no part that came. */
  lostText: { start: number; end: number };
  /** From the failure to the next talker's answer, milliseconds. */
  tookMs: number;
  reason: string;
}
