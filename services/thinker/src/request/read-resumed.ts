import { type Prompt, promptLength } from '@zen/batching';
import type { PromptLimits } from './prompt-limits';
import { checkId } from './read-sampling';
import { invalid } from './thinker-error';

const FIELD = 'resume_token_ids';

/** The tokens that an answer already has: they fit what the prompt leaves of the context, and what may be asked for. */
export function readResumed(
  ids: readonly number[],
  prompt: Prompt,
  maxTokens: number,
  { promptTokens, vocabSize }: PromptLimits,
): readonly number[] {
  const length = promptLength(prompt);
  const room = Math.max(0, promptTokens + 1 - length);
  const most = maxTokens === 0 ? room : Math.min(maxTokens, room);
  if (ids.length > most) throw invalid(FIELD, `${ids.length} ids after ${length} of prompt, limit ${most}`);
  for (const id of ids) checkId(FIELD, id, vocabSize);
  return ids;
}
