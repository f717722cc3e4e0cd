import { type ExpertFalls, FinishReason, type Usage } from '@zen/contracts';
import type { AnswerEnd } from '../answer/answer';
import { addFalls } from '../answer/expert-falls';

export interface OpenAiUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  /** Absent where there is nothing to say. */
  zen?: ZenUsage;
}

/** Pairs of a token and an expert that did not get what the stage says. */
export interface ZenUsage {
  expert_falls: { stand_in: number; without: number };
}

export function zenUsage(falls: ExpertFalls | undefined): ZenUsage | undefined {
  if (!falls) return undefined;
  return { expert_falls: { stand_in: Number(falls.standIn), without: Number(falls.without) } };
}

/** Adds up the choices of one request; a prompt that several choices share is counted once. */
export function usageOf(ends: readonly AnswerEnd[], choicesPerPrompt: number): OpenAiUsage {
  const sum = (list: readonly AnswerEnd[], field: keyof Usage) =>
    list.reduce((total, { usage }) => total + usage[field], 0);
  const firsts = ends.filter((_, at) => at % choicesPerPrompt === 0);
  const prompt = sum(firsts, 'promptTokens');
  const completion = sum(ends, 'completionTokens');
  const falls = ends.map(({ expertFalls }) => expertFalls).reduce(addFalls, undefined);
  const zen = zenUsage(falls);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(firsts, 'cachedPromptTokens') },
    ...(zen ? { zen } : {}),
  };
}

/** An answer that was cut short by anything is a `length`. */
export function finishReason({ reason, called }: AnswerEnd): 'stop' | 'tool_calls' | 'length' {
  if (reason !== FinishReason.FINISH_REASON_STOP) return 'length';
  return called ? 'tool_calls' : 'stop';
}
