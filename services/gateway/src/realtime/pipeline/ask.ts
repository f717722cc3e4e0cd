import { type ChatPrompt, Priority } from '@zen/contracts';
import type { Question, Turn } from '@zen/realtime';
import { wishFromHeaders } from '../../door/quality-wish';
import type { AnswerSpec, Headers } from '../../door/visit';
import { samplingOf } from '../../openai/sampling';
import { offerTools, type ToolChoice, withTools } from '../../tools/tool-use';

/** A question of a session as an answer is asked for, without its model. */
export function askOf(
  { turns, tools, toolChoice, maxTokens, temperature, minStage }: Question,
  headers: Headers,
): Omit<AnswerSpec, 'model' | 'deltaWish'> {
  const { prompt, use } = offerTools({
    messages: turns.map(messageOf),
    tools: tools.map(({ name = '', description = '', parameters }) => ({
      name,
      description: description.toWellFormed(),
      parameters: parameters ? JSON.stringify(parameters) : '',
    })),
    choice: choiceOf(toolChoice),
    single: false,
  });
  const sampling = samplingOf({ temperature }, undefined, 0);
  // The header's floor, or the gateway's own, is what the session began with.
  const wish = { ...wishFromHeaders(headers), minStage };
  // Somebody listens.
  const priority = Priority.PRIORITY_INTERACTIVE;
  const chat = { $case: 'chat' as const, value: prompt };
  return withTools({ prompt: chat, sampling, maxTokens, wish, priority }, use);
}

function messageOf({ role, content, calls = [], callId = '' }: Turn): ChatPrompt['messages'][number] {
  return {
    role,
    content: content.toWellFormed(),
    toolCalls: calls.map((call) => ({
      id: call.id.toWellFormed(),
      name: call.name,
      arguments: call.arguments.trim() === '' ? '{}' : call.arguments.toWellFormed(),
    })),
    toolCallId: callId.toWellFormed(),
  };
}

function choiceOf(choice: Question['toolChoice']): ToolChoice {
  if (typeof choice === 'object') return { t: 'named', name: 'name' in choice ? (choice.name ?? '') : '' };
  return { t: choice };
}
