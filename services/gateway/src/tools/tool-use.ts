import type { ChatMessage, ChatPrompt, Sampling, Tool } from '@zen/contracts';
import type { AnswerSpec } from '../door/visit';
import { GatewayError } from '../gateway-error';
import type { CallRules } from './call-parser';
import { MAX_CALLS } from './tool-limits';

/** Which tools an answer may call, or has to. */
export type ToolChoice = { t: 'none' } | { t: 'auto' } | { t: 'required' } | { t: 'named'; name: string };

export interface ToolAsks {
  messages: ChatMessage[];
  tools: Tool[];
  choice: ToolChoice;
  /** The answer ends with its first call. */
  single: boolean;
}

/** What a thinker is asked, and how its answer is read; `use` is undefined where no tool can be called. */
export interface OfferedTools {
  prompt: ChatPrompt;
  use: CallRules | undefined;
}

/**
 * A chat with tools. Where a call is demanded the answer begins with the beginning of one: nothing binds the sampler
 * to the rest, but a model that has begun a call ends it.
 */
export function offerTools({ messages, tools, choice, single }: ToolAsks): OfferedTools {
  checkResults(messages);
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length) throw refused('tools', 'two have the same name');
  if (tools.length === 0 && choice.t !== 'none' && choice.t !== 'auto') {
    throw refused('tool_choice', 'there are no tools');
  }
  if (tools.length === 0 || choice.t === 'none') {
    return { prompt: { messages, tools: [], answerPrefix: '' }, use: undefined };
  }
  if (choice.t === 'named' && !names.has(choice.name)) {
    throw refused('tool_choice', 'it names none of the tools');
  }
  const named = choice.t === 'named';
  const use = {
    names: named ? new Set([choice.name]) : names,
    mostCalls: single || named ? 1 : MAX_CALLS,
  };
  return { prompt: { messages, tools, answerPrefix: prefixOf(choice, tools) }, use };
}

/** The question with what its tools change: a program reads the calls, and the answer ends with one where one is all. */
export function withTools<Q extends Pick<AnswerSpec, 'sampling' | 'wish'>>(
  question: Q,
  use: CallRules | undefined,
) {
  if (!use) return question;
  const { sampling, wish } = question;
  return {
    ...question,
    toolUse: use,
    sampling: stopAfterCall(sampling, use),
    wish: { ...wish, structured: true },
  };
}

/** One call is enough: the thinker need not go on after it. */
function stopAfterCall(sampling: Sampling, { mostCalls }: CallRules): Sampling {
  const { stop } = sampling;
  if (mostCalls > 1 || stop.length >= MOST_STOPS) return sampling;
  return { ...sampling, stop: [...stop, '</tool_call>'] };
}

const MOST_STOPS = 16;

function prefixOf(choice: ToolChoice, tools: readonly Tool[]): string {
  if (choice.t === 'none' || choice.t === 'auto') return '';
  const name = choice.t === 'named' ? choice.name : tools.length === 1 ? tools[0]?.name : undefined;
  // Without a space at its end: models write it as the beginning of the next token.
  if (name === undefined) return '<tool_call>\n{"name":';
  return `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments":`;
}

/** A result belongs to a call that was made before it. */
function checkResults(messages: readonly ChatMessage[]): void {
  const made = new Set<string>();
  for (const [at, { role, toolCalls, toolCallId }] of messages.entries()) {
    for (const { id } of toolCalls) made.add(id);
    if (role === 'tool' && !made.has(toolCallId)) {
      throw refused(`messages[${at}].tool_call_id`, 'no message before it has a call of this id');
    }
  }
}

function refused(param: string, problem: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${problem}`, { param });
}
