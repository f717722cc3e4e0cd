import type { ReplicaLoad } from './load';

/** What a caller wants: milliseconds to the first token and between tokens. */
export interface Objective {
  ttftMs: number;
  tpotMs: number;
}

export const DEFAULT_OBJECTIVE: Objective = { ttftMs: 1000, tpotMs: 100 };

export interface Prediction {
  ttftMs: number;
  tpotMs: number;
  /** The part of `ttftMs` that passes before the request's own prompt is computed. */
  queueMs: number;
  /** What the request takes of the replica's time: its prompt, and its share of the steps of its batch. */
  workMs: number;
}

/** The request that a level is judged by: the mean of recent ones, so that one long prompt lowers no neighbour. */
export interface RequestSize {
  promptTokens: number;
  /** Mean length of recent answers: how long a slot stays taken. */
  meanAnswerTokens: number;
}

/** What comes to one replica. */
export interface Demand extends RequestSize {
  arrivalsPerSecond: number;
}

/**
 * A thinker computes a prompt beside running answers in pieces: as many tokens as fit a step of this length, at
 * least this many. Its defaults; where it is configured otherwise, the correction learns the difference.
 */
const MIXED_STEP_US = 100_000;
const LEAST_PIECE_TOKENS = 32;
/** Above this share of the time for prompts the queue grows without end, and the model says nothing more. */
const MAX_PROMPT_LOAD = 0.8;

/**
 * Predicts one more request on a replica if everything ran at `stage`; undefined when the stage has no cost yet.
 *
 * With `n` sequences in the batch, the newcomer included, a decode step takes `base + perSequence * n`. A
 * newcomer waits for the prompt tokens ahead of it and, when every slot is taken, for as many answers to end as
 * stand between it and a slot: `slots` answers end every `meanAnswerTokens` steps. Steps that compute prompts
 * decode as well, so a prompt's token takes longer beside running answers. Prompts that arrive while it answers
 * take their share of the time: tokens come `1 / (1 - arrivals * promptTokens * prefill)` times slower.
 */
export function predict(
  load: ReplicaLoad,
  stage: number,
  { promptTokens, meanAnswerTokens, arrivalsPerSecond }: Demand,
): Prediction | undefined {
  const cost = load.costs.find((one) => one.stage === stage);
  if (!cost) return undefined;
  const slots = Math.max(1, load.maxRunning);
  const stepUs = (sequences: number) =>
    cost.decodeBaseUs + cost.decodePerSequenceUs * Math.min(sequences, slots);
  /** Time of a prompt's token, the decodes in the same step included. */
  const promptTokenUs = (sequences: number) => {
    if (sequences < 1 || cost.prefillUsPerToken === 0) return cost.prefillUsPerToken;
    const room = (MIXED_STEP_US - stepUs(sequences)) / cost.prefillUsPerToken;
    return cost.prefillUsPerToken + stepUs(sequences) / Math.max(LEAST_PIECE_TOKENS, room);
  };
  const promptUs = promptTokens * cost.prefillUsPerToken;
  const present = load.running + load.waiting;
  const decodeUs = stepUs(present + 1);
  const answersAhead = Math.max(0, present + 1 - slots);
  const slotUs = (answersAhead * meanAnswerTokens * decodeUs) / slots;
  const beside = promptTokenUs(Math.min(present, slots - 1));
  const queueUs = slotUs + load.prefillTokensWaiting * beside;
  const promptLoad = Math.min(MAX_PROMPT_LOAD, (arrivalsPerSecond * promptUs) / 1e6);
  return {
    ttftMs: (queueUs + promptTokens * beside + decodeUs) / 1000,
    tpotMs: decodeUs / (1 - promptLoad) / 1000,
    queueMs: queueUs / 1000,
    workMs: (promptUs + (meanAnswerTokens * decodeUs) / Math.min(present + 1, slots)) / 1000,
  };
}

/** How much of the objective a prediction uses up: 1 is just met, above 1 is missed. */
export function pressure(prediction: Pick<Prediction, 'ttftMs' | 'tpotMs'>, objective: Objective): number {
  return Math.max(prediction.ttftMs / objective.ttftMs, prediction.tpotMs / objective.tpotMs);
}
