import type { Group } from '../fleet/fleet';
import { groupLimits } from '../fleet/group-limits';
import { promptBytes } from '../fleet/traffic';
import { GatewayError } from '../gateway-error';
import type { AnswerRequest } from './answer';

/** Refuses what no replica of the group would take, before anything is sent to one. */
export function checkSize({ prompt, maxTokens }: AnswerRequest, group: Group): void {
  const { contextTokens: context, maxPromptBytes: maxBytes } = groupLimits(group);
  const param = prompt.$case === 'chat' ? 'messages' : 'prompt';
  const bytes = promptBytes(prompt);
  if (maxBytes > 0 && bytes > maxBytes) {
    const message = `${param}: ${bytes} bytes of text, at most ${maxBytes}`;
    throw new GatewayError('context_length_exceeded', message, { param });
  }
  if (context === 0) return;
  if (maxTokens > context) {
    const message = `max_tokens: ${maxTokens}, at most the context of ${context} tokens`;
    throw new GatewayError('invalid_request', message, { param: 'max_tokens' });
  }
  if (prompt.$case === 'tokens' && prompt.value.tokenIds.length >= context) {
    const message = `${param}: ${prompt.value.tokenIds.length} tokens leave no room in a context of ${context}`;
    throw new GatewayError('context_length_exceeded', message, { param });
  }
}
