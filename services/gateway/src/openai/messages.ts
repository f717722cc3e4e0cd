import type { ChatMessage } from '@zen/contracts';
import type { ChatBody } from './chat.schema';
import { callsOf } from './tools.schema';

export function messagesOf(body: ChatBody): ChatMessage[] {
  return body.messages.map(({ role, content, tool_calls, tool_call_id = '' }) => ({
    role: role === 'developer' ? 'system' : role,
    // A lone surrogate has no UTF-8 form; it becomes U+FFFD here, once, and not differently in each encoder.
    content: textOf(content).toWellFormed(),
    toolCalls: callsOf(tool_calls),
    toolCallId: role === 'tool' ? tool_call_id.toWellFormed() : '',
  }));
}

function textOf(content: ChatBody['messages'][number]['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text as string).join('');
}
