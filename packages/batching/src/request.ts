import type { Speculation } from './speculation/speculator';
import type { ExpertFloor, SamplingParams, SequenceIdentity } from './step-backend';

export type Priority = 'batch' | 'normal' | 'interactive';

/** Rank of a priority; a waiting request climbs one rank per `Limits.ageingUs`, up to the highest. */
export const PRIORITY_RANK: Readonly<Record<Priority, number>> = { batch: 0, normal: 1, interactive: 2 };

/** A token of this priority costs its tenant `1 / weight` of fair share. */
export const PRIORITY_WEIGHT: Readonly<Record<Priority, number>> = { batch: 1, normal: 2, interactive: 4 };

export type Prompt =
  | { kind: 'tokens'; tokens: Int32Array }
  /** One row of `width` float32 per position. */
  | { kind: 'embeddings'; rows: Float32Array; width: number }
  /** Tokens of all positions; rows stand in place of those at `rowAt`, ascending and at least one. */
  | { kind: 'mixed'; tokens: Int32Array; rows: Float32Array; width: number; rowAt: Int32Array };

/** Its positions. */
export function promptLength(prompt: Prompt): number {
  return prompt.kind === 'embeddings' ? prompt.rows.length / prompt.width : prompt.tokens.length;
}

export interface BatchRequest {
  /** Fairness is between tenants first, then between their requests. */
  tenant: string;
  priority: Priority;
  prompt: Prompt;
  sampling: SamplingParams;
  /**
   * Tokens that an earlier request of the same answer sampled after this prompt, fewer than it may have: the answer
   * goes on after them, and counts them as its own. Default none.
   */
  sampled?: readonly number[];
  /** Nothing is sampled: it ends once its prompt is computed, which the prefix cache then has. Default false. */
  prefillOnly?: boolean;
  /** Whose delta answers, and whose prompts share KV with it. Default: the base model, no scope. */
  identity?: SequenceIdentity;
  /**
   * Objective for its first token, microseconds: while it has more than half of it left, its prompt makes way for
   * answers in progress where both make a step long. Default 0: never.
   */
  ttftUs?: number;
  /** 0: up to the context length. */
  maxTokens: number;
  /** Compute with this stage; null follows the highest that is attached. */
  stage: number | null;
  /** Without a `stage`: ends when it cannot have at least this one any more. Default 0. */
  minStage?: number;
  /** Without a `stage`, when a higher one is attached: `never` stays with the first, `boundary` (default) follows. */
  upgrade?: 'never' | 'boundary';
  /** How far it may fall where experts of a mixture are away. Default: a stand-in. */
  expertFloor?: ExpertFloor;
  /** On the caller's clock, microseconds; Infinity for none. */
  deadlineUs: number;
}

export interface Limits {
  /** Longest sequence, prompt and answer together, tokens. */
  contextTokens: number;
  /** Tokens computed in one step at most, prompt chunks and decodes together; at least `2 * maxRunning`. */
  stepTokens: number;
  /** Sequences in the batch at once. */
  maxRunning: number;
  /** Requests that wait beyond those. */
  maxWaiting: number;
  /** Tokens that a consumer may leave untaken before its sequence pauses. */
  maxUnread: number;
  /** A paused sequence ends after this long, microseconds. */
  stallUs: number;
  /** Waiting this long is worth one rank of priority, microseconds. */
  ageingUs: number;
  /** While others decode, a prompt chunk is cut so that the step stays near this long, microseconds. */
  mixedStepUs: number;
  /** Who may draft tokens for running answers; drafts never change an answer. */
  speculation: Speculation;
}

export const DEFAULT_LIMITS: Omit<Limits, 'contextTokens'> = {
  stepTokens: 512,
  maxRunning: 32,
  maxWaiting: 512,
  maxUnread: 64,
  stallUs: 60_000_000,
  ageingUs: 2_000_000,
  mixedStepUs: 100_000,
  speculation: 'auto',
};
