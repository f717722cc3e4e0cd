import { ApiError, errorFields, inWords, refusalOf } from './api-error';
import { sseData } from './sse';

export interface Message {
  role: 'user' | 'assistant';
  content: string;
}

export interface ChatRequest {
  model: string;
  messages: readonly Message[];
  /** Answer with exactly this stage; null leaves it to the server. */
  stage: number | null;
  maxTokens: number;
  temperature: number;
  /** Answers to the same messages in one request. */
  choices?: number;
  /** Go on to `maxTokens` whatever the model says. */
  ignoreEnd?: boolean;
}

/** What the response headers say about the answer before its first word. */
export interface AnswerHead {
  stage: number;
  /** full, pinned, load, floor or attached. */
  reason: string;
}

export type ChatEvent =
  | { t: 'opened'; head: AnswerHead }
  | { t: 'piece'; choice: number; text: string; stage: number; model: string }
  | { t: 'finished'; choice: number; reason: string }
  | { t: 'usage'; promptTokens: number; completionTokens: number };

/** Headers of every call; without a key there is none. */
export function authorization(key: string): Record<string, string> {
  return key === '' ? {} : { authorization: `Bearer ${key}` };
}

/** Streams an answer. Throws an ApiError, except for an abort, which ends it without one. */
export async function* chat(
  request: ChatRequest,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  try {
    const response = await fetch('/v1/chat/completions', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...authorization(key),
        ...(request.stage === null ? {} : { 'x-zen-stage': String(request.stage) }),
      },
      body: JSON.stringify(bodyOf(request)),
      signal,
    });
    if (!response.ok || !response.body) throw await refusalOf(response);
    const head = {
      stage: Number(response.headers.get('x-zen-stage')),
      reason: response.headers.get('x-zen-stage-reason') ?? '',
    };
    yield { t: 'opened', head };
    for await (const data of sseData(response.body)) {
      if (data === '[DONE]') return;
      yield* chatEvents(data, head.stage);
    }
    throw new ApiError('The connection broke before the answer was complete.', 'cut');
  } catch (error) {
    if (signal.aborted) return;
    throw ApiError.from(error);
  }
}

function bodyOf({ model, messages, maxTokens, temperature, choices, ignoreEnd }: ChatRequest) {
  return {
    model,
    messages,
    max_tokens: maxTokens,
    temperature,
    stream: true,
    stream_options: { include_usage: true },
    ...(choices === undefined ? {} : { n: choices }),
    ...(ignoreEnd ? { ignore_eos: true } : {}),
  };
}

/** What one chunk of the stream says. `stage` is the answer's, for a server that does not mark its pieces. */
export function chatEvents(data: string, stage: number): ChatEvent[] {
  const chunk = JSON.parse(data);
  if (chunk.error) {
    const { code, message } = errorFields(data) ?? { code: 'internal', message: 'the answer broke off' };
    throw new ApiError(inWords(code, message), code);
  }
  const events: ChatEvent[] = [];
  for (const { index, delta, finish_reason } of chunk.choices) {
    const text: string = delta?.content ?? '';
    if (text !== '') {
      events.push({ t: 'piece', choice: index, text, stage: chunk.zen?.stage ?? stage, model: chunk.model });
    }
    if (finish_reason) events.push({ t: 'finished', choice: index, reason: finish_reason });
  }
  if (chunk.usage) {
    const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = chunk.usage;
    events.push({ t: 'usage', promptTokens, completionTokens });
  }
  return events;
}
