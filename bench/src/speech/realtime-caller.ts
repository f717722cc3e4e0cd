import { connect, type NetConnectOpts } from 'node:net';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import type {
  RealtimeClientEvent,
  RealtimeServerEvent,
  RealtimeSessionCreateRequest,
} from 'openai/resources/realtime/realtime';
import type { Heard } from './player';

/** Of audio/pcm. */
export const REALTIME_RATE = 24_000;
const PIECE_MS = 20;
const ANSWER_MS = 120_000;

/** One answer as its caller heard it; milliseconds since the commit (or the request) were sent. */
export interface Answered {
  ttftMs: number;
  /** To the first audio. */
  ttfpMs: number;
  doneMs: number;
  frames: Heard[];
  text: string;
  status: string;
  /** What the gateway says of its hops. */
  hops: Record<string, number>;
  stage: number | null;
}

export const unanswered = (status: string): Answered => ({
  ttftMs: Number.NaN,
  ttfpMs: Number.NaN,
  doneMs: Number.NaN,
  frames: [],
  text: '',
  status,
  hops: {},
  stage: null,
});

/** A conversation through `/v1/realtime` by the official client. */
export class RealtimeCaller {
  private readonly waiting = new Set<(event: RealtimeServerEvent) => void>();
  private failure: Error | undefined;
  private failed: (error: Error) => void = () => {};

  private constructor(private readonly socket: OpenAIRealtimeWS) {
    socket.on('event', (event) => {
      for (const take of [...this.waiting]) take(event);
    });
    socket.on('error', (error) => {
      this.failure = error;
      this.failed(error);
    });
    socket.socket.on('close', (code, reason) => this.failed(new Error(`closed: ${code} ${reason}`)));
  }

  static async open(
    gateway: string,
    model: string,
    session: Omit<RealtimeSessionCreateRequest, 'type'>,
  ): Promise<RealtimeCaller> {
    const { host, hostname, port } = new URL(gateway);
    const official = new OpenAI({ apiKey: 'none', baseURL: `https://${host}/v1` });
    // The official client always means wss; the server here is behind no TLS.
    const createConnection = ((_: NetConnectOpts) => connect(Number(port), hostname)) as typeof connect;
    const caller = new RealtimeCaller(
      new OpenAIRealtimeWS({ model, options: { createConnection } }, official),
    );
    await caller.next((event) => event.type === 'session.created');
    // Not of the official types: what Zen says of its hops.
    const include = ['x-zen.timings'] as unknown as NonNullable<RealtimeSessionCreateRequest['include']>;
    const updated = caller.next((event) => event.type === 'session.updated');
    caller.send({ type: 'session.update', session: { type: 'realtime', ...session, include } });
    await updated;
    return caller;
  }

  send(event: RealtimeClientEvent): void {
    this.socket.send(event);
  }

  /** Calls `take` with every event until the result is called. */
  onEvent(take: (event: RealtimeServerEvent) => void): () => void {
    this.waiting.add(take);
    return () => void this.waiting.delete(take);
  }

  /** The first event to come that fits. */
  next(fits: (event: RealtimeServerEvent) => boolean): Promise<RealtimeServerEvent> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new Error('no answer came'))), ANSWER_MS);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        off();
        then();
      };
      const off = this.onEvent((event) => {
        if (fits(event)) settle(() => resolve(event));
      });
      this.failed = (error) => settle(() => reject(error));
    });
  }

  /** Sends samples at 24 kHz as a microphone gives them; `onSent` is told how many milliseconds are on their way. */
  async speak(samples: Int16Array, onSent: (ms: number) => void = () => {}): Promise<void> {
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    const pieceBytes = (2 * REALTIME_RATE * PIECE_MS) / 1000;
    const started = performance.now();
    for (let at = 0, ms = 0; at < bytes.length; at += pieceBytes) {
      this.send({
        type: 'input_audio_buffer.append',
        audio: bytes.subarray(at, at + pieceBytes).toString('base64'),
      });
      ms += PIECE_MS;
      onSent(ms);
      const aheadMs = ms - (performance.now() - started);
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    }
  }

  /** Ends the user's turn and hears the answer out. */
  async commit(): Promise<Answered> {
    return this.answer(() => {
      this.send({ type: 'input_audio_buffer.commit' });
      this.send({ type: 'response.create' });
    });
  }

  /** Asks in writing. */
  async ask(text: string): Promise<Answered> {
    return this.answer(() => {
      const content = [{ type: 'input_text' as const, text }];
      this.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
      this.send({ type: 'response.create' });
    });
  }

  close(): void {
    this.failed = () => {};
    this.socket.close();
  }

  private async answer(ask: () => void): Promise<Answered> {
    const started = performance.now();
    const out = unanswered('');
    const off = this.onEvent((event) => {
      const atMs = performance.now() - started;
      if (event.type === 'response.output_audio_transcript.delta') {
        if (Number.isNaN(out.ttftMs)) out.ttftMs = atMs;
        out.text += event.delta;
      }
      if (event.type === 'response.output_audio.delta') {
        if (Number.isNaN(out.ttfpMs)) out.ttfpMs = atMs;
        const bytes = Buffer.byteLength(event.delta, 'base64');
        out.frames.push({ atMs, durationMs: (1000 * bytes) / 2 / REALTIME_RATE });
      }
    });
    try {
      const ended = this.next(({ type }) => type === 'response.done');
      ask();
      const done = (await ended) as Extract<RealtimeServerEvent, { type: 'response.done' }>;
      out.doneMs = performance.now() - started;
      out.status = done.response.status ?? '';
      const facts = (done.response as { 'x-zen'?: { timings?: Record<string, number>; stage?: number } })[
        'x-zen'
      ];
      out.hops = facts?.timings ?? {};
      out.stage = facts?.stage ?? null;
      return out;
    } finally {
      off();
    }
  }
}
