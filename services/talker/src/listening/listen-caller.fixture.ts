import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDecoder, toInt16 } from '@zen/audio';
import {
  AudioEncoding,
  type ListenRequest,
  type ListenResponse,
  ListenStart,
  type TranscriberServiceDefinition,
  type Transcript,
} from '@zen/contracts';
import type { OpenStream, RpcClient, RpcError } from '@zen/rpc';

const CLIPS = join(__dirname, '../../../../packages/hearing/fixtures');
const RATE = 16_000;

/** The bytes of a recorded clip (Ogg Opus), or its samples at 16 kHz. */
export function clip(name: string): Buffer {
  return readFileSync(join(CLIPS, `${name}.ogg`));
}

export function clipSamples(name: string): Float32Array {
  const decoder = openDecoder({ kind: 'container' }, RATE, { maxSeconds: 60 });
  const pieces = [...decoder.push(clip(name)), ...decoder.end()].map((piece) => piece.slice());
  decoder.close();
  return joined(pieces);
}

export function joined(pieces: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export function silence(seconds: number): Float32Array {
  return new Float32Array(seconds * RATE);
}

export const PCM_16K = { encoding: AudioEncoding.AUDIO_ENCODING_PCM_S16LE, sampleRate: RATE, channels: 1 };
export const CONTAINER = { encoding: AudioEncoding.AUDIO_ENCODING_CONTAINER, sampleRate: 0, channels: 0 };

/** One Listen call, and everything that came of it. */
export class ListenCaller {
  readonly heard: ListenResponse[] = [];
  /** Resolves with why it is over; null where it ended well. */
  readonly over: Promise<RpcError | null>;
  readonly stream: OpenStream<ListenRequest>;
  private readonly waiting = new Set<() => void>();
  private ended = false;

  /** Null sends no start. */
  constructor(
    transcriber: RpcClient<typeof TranscriberServiceDefinition>,
    start: Partial<ListenStart> | null = {},
  ) {
    let over: (error: RpcError | null) => void;
    this.over = new Promise((resolve) => {
      over = resolve;
    });
    this.stream = transcriber.listen({
      message: (message) => {
        this.heard.push(message);
        this.wake();
      },
      ended: (error) => {
        this.ended = true;
        over(error);
        this.wake();
      },
    });
    if (start) {
      const value = ListenStart.fromPartial({ format: PCM_16K, language: 'en', ...start } as object);
      this.send({ $case: 'start', value });
    }
  }

  send(message: ListenRequest['message']): this {
    this.stream.send({ message });
    return this;
  }

  /** Samples at 16 kHz, in portions of 100 ms. */
  hear(samples: Float32Array): this {
    for (let at = 0; at < samples.length; at += RATE / 10) {
      const pcm = toInt16(samples.subarray(at, at + RATE / 10));
      this.send({ $case: 'audio', value: Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength) });
    }
    return this;
  }

  commit(tag = ''): this {
    return this.send({ $case: 'commit', value: { tag } });
  }

  end(): this {
    this.stream.end();
    return this;
  }

  /** Waits for the first event that is as asked for; throws where the call ends before. */
  async until(is: (one: ListenResponse) => boolean): Promise<ListenResponse> {
    for (;;) {
      const found = this.heard.find(is);
      if (found) return found;
      if (this.ended) throw (await this.over) ?? new Error('the call has ended');
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  get finals(): Transcript[] {
    return this.transcripts.filter(({ final }) => final);
  }

  get transcripts(): Transcript[] {
    return this.heard.flatMap(({ event }) => (event?.$case === 'transcript' ? [event.value] : []));
  }

  /** What happened, in order: started, stopped, partial, final. */
  get order(): string[] {
    return this.heard.map(({ event }) =>
      event?.$case === 'transcript' ? (event.value.final ? 'final' : 'partial') : (event?.$case ?? 'nothing'),
    );
  }

  private wake(): void {
    for (const one of this.waiting) one();
    this.waiting.clear();
  }
}

/** Words without case and punctuation. */
export function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9' ]+/g, '')
    .trim();
}
