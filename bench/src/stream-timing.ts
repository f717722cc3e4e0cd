import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { ThinkerServiceDefinition } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';
import { clockUs } from './paced-thinker-process';

/** One answer as its reader saw it, milliseconds. */
export interface StreamTiming {
  ttftMs: number;
  /** Between pieces. */
  gapsMs: number[];
  /** From the stand-in's write to the reader, each piece. */
  delaysMs: number[];
  /** Ended as it should. */
  whole: boolean;
}

/** Collects the moments of one answer's pieces. */
class Recorder {
  private readonly startedUs = clockUs();
  private lastUs = 0;
  readonly timing: StreamTiming = { ttftMs: Number.NaN, gapsMs: [], delaysMs: [], whole: false };

  piece(text: string): void {
    const nowUs = clockUs();
    if (this.lastUs === 0) this.timing.ttftMs = (nowUs - this.startedUs) / 1000;
    else this.timing.gapsMs.push((nowUs - this.lastUs) / 1000);
    this.lastUs = nowUs;
    this.timing.delaysMs.push((nowUs - Number(text)) / 1000);
  }
}

/** An answer straight from the stand-in. */
export async function direct(
  thinker: RpcClient<typeof ThinkerServiceDefinition>,
  pieces: number,
): Promise<StreamTiming> {
  const recorder = new Recorder();
  const messages = [{ role: 'user', content: 'hello' }];
  const request = { prompt: { $case: 'chat' as const, value: { messages } }, maxTokens: pieces };
  for await (const { event } of thinker.generate(request)) {
    if (event?.$case === 'piece') recorder.piece(event.value.text);
    if (event?.$case === 'finished') recorder.timing.whole = true;
  }
  return recorder.timing;
}

/** Connections stay open between answers, as an application's do. */
export const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** A streamed answer whole, as the gateway's HTTP gave it. */
export interface StreamedAnswer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  text: string;
  /** Milliseconds to its first text; NaN where it has none. */
  ttftMs: number;
}

/** Asks a gateway for a streamed chat answer and reads it to its end. */
export function streamedAnswer(
  gateway: string,
  headers: Record<string, string>,
  body: object,
): Promise<StreamedAnswer> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, agent };
    const request = httpRequest(`${gateway}/v1/chat/completions`, options, (response) => {
      let text = '';
      let ttftMs = Number.NaN;
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (Number.isNaN(ttftMs) && chunk.includes('"content":"')) ttftMs = performance.now() - startedMs;
      });
      response.once('error', reject).once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text, ttftMs });
      });
    });
    request.once('error', reject);
    request.end(JSON.stringify({ ...body, stream: true }));
  });
}

/** The same through the gateway's HTTP. */
export function throughGateway(gateway: string, pieces: number): Promise<StreamTiming> {
  const recorder = new Recorder();
  const messages = [{ role: 'user', content: 'hello' }];
  const body = JSON.stringify({ model: 'paced', messages, max_tokens: pieces, stream: true });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${gateway}/v1/chat/completions`, { method: 'POST', headers, agent });
    request.once('error', reject);
    request.once('response', (response) => {
      let rest = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const frames = (rest + chunk).split('\n\n');
        rest = frames.pop() ?? '';
        for (const frame of frames) read(frame, recorder);
      });
      response.once('end', () => resolve(recorder.timing)).once('error', reject);
    });
    request.end(body);
  });
}

function read(frame: string, recorder: Recorder): void {
  // Before the data stands the id that continues the answer.
  const data = frame.slice(frame.indexOf('data: ') + 'data: '.length);
  if (data === '[DONE]') {
    recorder.timing.whole = true;
    return;
  }
  const text = JSON.parse(data).choices?.[0]?.delta.content;
  if (text) recorder.piece(text);
}
