import { BatchingError } from './batching-error';
import { type BatchRequest, promptLength } from './request';

/** Tokens that a request may get within a context of `limit` tokens; throws a BatchingError where it does not fit. */
export function answerLimit(
  { prompt, maxTokens, sampled = [] }: Pick<BatchRequest, 'prompt' | 'maxTokens' | 'sampled'>,
  limit: number,
): number {
  const length = promptLength(prompt);
  if (length === 0) throw new BatchingError('prompt-empty', 'prompt: 0 tokens, must be at least 1');
  if (length >= limit) {
    throw new BatchingError('prompt-too-long', `prompt: ${length} tokens, limit ${limit - 1}`);
  }
  if (maxTokens > limit) {
    throw new BatchingError('tokens-too-many', `max_tokens: ${maxTokens}, limit ${limit}`);
  }
  const most = maxTokens === 0 ? limit - length : Math.min(maxTokens, limit - length);
  if (sampled.length > 0 && sampled.length >= most) {
    throw new BatchingError('tokens-too-many', `sampled: ${sampled.length} tokens, limit ${most - 1}`);
  }
  return most;
}
