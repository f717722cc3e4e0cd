import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { Ask } from './asks';
import { backOff, type Listener, PATIENCE_MS, type Terms } from './stream';

/** Answers that say the same to whoever asks again. */
const LASTING = new Set([400, 401, 403, 404, 413, 422]);

class Lasting extends Error {}

class Refused extends Error {
  constructor(
    message: string,
    readonly waitMs: number,
  ) {
    super(message);
  }
}

/** One answer over HTTP as server-sent events; continued with `Last-Event-ID` where it breaks off. */
export function sseStream(baseUrl: string, apiKey: string | undefined) {
  return async (ask: Ask, terms: Terms, listener: Listener, signal: AbortSignal): Promise<string> => {
    const answer = { text: '', lastId: undefined as string | undefined, whole: false };
    const until = Date.now() + PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        await follow({ baseUrl, apiKey }, ask, terms, answer, listener, signal);
        return answer.text;
      } catch (error) {
        const why = message(error);
        if (error instanceof Lasting || signal.aborted || Date.now() > until) throw new Error(why);
        if (answer.text === '') listener.retried(why);
        else if (answer.lastId === undefined) throw new Error(`broke off without a resume token: ${why}`);
        else listener.resumed(why);
        await backOff(attempt, error instanceof Refused ? error.waitMs : undefined, signal);
      }
    }
  };
}

/** Reads one connection to the end of the answer. */
async function follow(
  { baseUrl, apiKey }: { baseUrl: string; apiKey: string | undefined },
  ask: Ask,
  { model, stage }: Terms,
  answer: { text: string; lastId: string | undefined },
  listener: Listener,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      'x-zen-stage': String(stage),
      // A stand-in for an expert would be another text.
      'x-zen-expert-floor': 'exact',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(answer.lastId === undefined ? {} : { 'last-event-id': answer.lastId }),
    },
    body: JSON.stringify({
      model,
      messages: ask.messages,
      max_tokens: ask.maxTokens,
      temperature: 0,
      stream: true,
    }),
  });
  if (!response.ok || !response.body) {
    const why = `${response.status} ${(await response.text()).slice(0, 300)}`;
    if (LASTING.has(response.status)) throw new Lasting(why);
    throw new Refused(why, 1000 * Number(response.headers.get('retry-after') ?? 0));
  }
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { id, data } of events) {
    if (data === '[DONE]') return;
    const body = JSON.parse(data);
    if (body.error) throw new Error(body.error.message);
    const text = body.choices?.[0]?.delta?.content ?? '';
    answer.text += text;
    // Only with the text that it stands for: a token without it would leave a hole.
    if (id !== undefined && id !== '') answer.lastId = id;
    if (text !== '') listener.piece();
  }
  throw new Error('the connection ended before the answer did');
}

function message(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
