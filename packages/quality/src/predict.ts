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
}

/** The request that a level is judged by: the mean of recent ones, so that one long prompt lowers no neighbour. */
export interface RequestSize {
  promptTokens: number;
  /** Mean length of recent answers: how long a slot stays taken. */
  meanAnswerTokens: number;
}

/**
 * Predicts one more request on a replica if everything ran at `stage`; undefined when the stage has no cost yet.
 *
 * With `n` sequences in the batch, the newcomer included, a decode step takes `base + perSequence * n`. A
 * newcomer waits for the prompt tokens ahead of it and, when every slot is taken, for as many answers to end as
 * stand between it and a slot: `slots` answers end every `meanAnswerTokens` steps.
 */
export function predict(load: ReplicaLoad, stage: number, size: RequestSize): Prediction | undefined {
  const cost = load.costs.find((one) => one.stage === stage);
  if (!cost) return undefined;
  const slots = Math.max(1, load.maxRunning);
  const present = load.running + load.waiting;
  const stepUs = cost.decodeBaseUs + cost.decodePerSequenceUs * Math.min(present + 1, slots);
  const answersAhead = Math.max(0, present + 1 - slots);
  const slotUs = (answersAhead * size.meanAnswerTokens * stepUs) / slots;
  const queueUs = slotUs + load.prefillTokensWaiting * cost.prefillUsPerToken;
  const ttftUs = queueUs + size.promptTokens * cost.prefillUsPerToken + stepUs;
  return { ttftMs: ttftUs / 1000, tpotMs: stepUs / 1000, queueMs: queueUs / 1000 };
}

/** How much of the objective a prediction uses up: 1 is just met, above 1 is missed. */
export function pressure(prediction: Prediction, objective: Objective): number {
  return Math.max(prediction.ttftMs / objective.ttftMs, prediction.tpotMs / objective.tpotMs);
}
