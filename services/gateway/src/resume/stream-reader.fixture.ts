import { GatewayServiceDefinition } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';

/** What a client has of an answer; `token` is what it would name to go on after it. */
export interface Received {
  text: string;
  /** Bytes and log probability of each token, where they were asked for. */
  logprobs: string[];
  finish: string | null;
  completionTokens: number | undefined;
  promptTokens: number | undefined;
  token: string;
  /** How it broke off. */
  error: string | undefined;
  pieces: number;
}

export const NOTHING: Received = {
  text: '',
  logprobs: [],
  finish: null,
  completionTokens: undefined,
  promptTokens: undefined,
  token: '',
  error: undefined,
  pieces: 0,
};

/** The answer, apart from how it came. */
export function answerOf({ text, logprobs, finish, completionTokens, promptTokens, error }: Received) {
  return { text, logprobs, finish, completionTokens, promptTokens, error };
}

/** One question, asked over either door. */
export interface Question {
  content: string;
  maxTokens: number;
  stage: number;
  temperature?: number;
  seed?: number;
  stop?: string[];
  logprobs?: boolean;
  repetitionPenalty?: number;
  frequencyPenalty?: number;
}

/** Streams over SSE; after `had`, the rest. `onPiece` sees each piece as it comes. */
export async function readSse(
  url: string,
  model: string,
  question: Question,
  onPiece: (received: Received) => void = () => {},
  had: Received = NOTHING,
): Promise<Received> {
  const received = { ...had, logprobs: [...had.logprobs], error: undefined as string | undefined };
  const { content, maxTokens, stage, temperature = 0, seed, stop, logprobs } = question;
  const body = {
    model,
    messages: [{ role: 'user', content }],
    max_tokens: maxTokens,
    temperature,
    seed,
    stop,
    logprobs: logprobs ?? false,
    repetition_penalty: question.repetitionPenalty,
    frequency_penalty: question.frequencyPenalty,
    stream: true,
    stream_options: { include_usage: true },
  };
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-zen-stage': String(stage),
  };
  if (had.token !== '') headers['last-event-id'] = had.token;
  try {
    const response = await fetch(`http://${url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    let rest = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) takeFrame(frame, received, onPiece);
    }
  } catch (error) {
    received.error = (error as Error).message;
  }
  return received;
}

function takeFrame(frame: string, received: Received, onPiece: (received: Received) => void): void {
  let data = '';
  for (const line of frame.split('\n')) {
    if (line.startsWith('id: ')) received.token = line.slice(4);
    else if (line.startsWith('data: ')) data = line.slice(6);
  }
  if (data === '[DONE]') return;
  const { choices, usage, error } = JSON.parse(data);
  if (error) received.error = error.code;
  if (usage) {
    received.completionTokens = usage.completion_tokens;
    received.promptTokens = usage.prompt_tokens;
  }
  const choice = choices?.[0];
  if (!choice) return;
  received.text += choice.delta.content ?? '';
  for (const { bytes, logprob } of choice.logprobs?.content ?? [])
    received.logprobs.push(`${bytes} ${logprob}`);
  received.finish = choice.finish_reason ?? received.finish;
  if (choice.delta.content) {
    received.pieces++;
    onPiece(received);
  }
}

/** The same over gRPC. */
export async function readGrpc(
  address: string,
  model: string,
  question: Question,
  onPiece: (received: Received) => void = () => {},
  had: Received = NOTHING,
): Promise<Received> {
  const received = { ...had, logprobs: [...had.logprobs], error: undefined as string | undefined };
  const { content, maxTokens, stage, temperature = 0, seed, stop = [], logprobs } = question;
  const rpc = client(GatewayServiceDefinition, address);
  const request = {
    model,
    messages: [{ role: 'user', content }],
    maxTokens,
    quality: { stage },
    resumeToken: had.token,
    sampling: {
      temperature,
      seed: seed === undefined ? undefined : BigInt(seed),
      stop,
      logprobs: logprobs ? 0 : undefined,
      repetitionPenalty: question.repetitionPenalty ?? 1,
      frequencyPenalty: question.frequencyPenalty ?? 0,
    },
  };
  try {
    for await (const { event } of rpc.chat(request)) {
      if (event?.$case === 'piece') {
        received.text += event.value.text;
        received.token = event.value.resumeToken;
        for (const { token, logprob } of event.value.logprobs)
          received.logprobs.push(`${[...token]} ${logprob}`);
        received.pieces++;
        onPiece(received);
      } else if (event?.$case === 'finished') {
        received.finish = event.value.reason === 1 ? 'stop' : 'length';
        received.completionTokens = event.value.usage?.completionTokens;
        received.promptTokens = event.value.usage?.promptTokens;
      }
    }
  } catch (error) {
    const known = RpcError.from(error);
    received.error = known.code;
    received.token = known.metadata['x-zen-resume-token'] ?? received.token;
  } finally {
    rpc.close();
  }
  return received;
}
