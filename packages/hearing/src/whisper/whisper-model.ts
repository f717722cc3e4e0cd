import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { HearingError } from '../hearing-error';
import { HOP, SAMPLE_RATE, WINDOW } from './mel-filters';
import { type Tail, withSilentTail } from './silent-tail';
import type { WhisperDescription } from './whisper-files';
import { WhisperTokens } from './whisper-tokens';

/** Audio that a window holds, seconds. */
export const WINDOW_SECONDS = 30;
/** Silence that is computed with the audio, so that its end is not cut. */
const MARGIN_SECONDS = 0.3;

/** A window of audio as the decoder attends to it. */
export interface EncodedAudio {
  /** Of 20 ms. */
  positions: number;
  values: Record<string, Tensor>;
}

export interface DecoderStep {
  /** One row of the vocabulary's size per row asked for. */
  logits: Float32Array[];
  /** [heads, tokens, positions]. */
  alignment: Float32Array;
}

/** The two graphs of a Whisper model. Runs one call at a time, and holds the thread that calls while it does. */
export class WhisperModel {
  private silence: EncodedAudio | null = null;

  private constructor(
    readonly tokens: WhisperTokens,
    readonly description: WhisperDescription,
    private readonly encoder: InferenceSession,
    private readonly decoder: InferenceSession,
  ) {}

  /** @param threads that one run computes with */
  static async open(folder: string, threads: number): Promise<WhisperModel> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Threads that wait for work by spinning would take it from whoever speaks meanwhile.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const [tokenizer, description] = await Promise.all(
      ['tokenizer.json', 'whisper.json'].map(async (name) =>
        JSON.parse(await readFile(join(folder, name), 'utf8')),
      ),
    );
    const [encoder, decoder] = await Promise.all(
      ['encoder.onnx', 'decoder.onnx'].map((name) => InferenceSession.create(join(folder, name), options)),
    );
    return new WhisperModel(new WhisperTokens(tokenizer), description, encoder!, decoder!);
  }

  /** @param samples 16 kHz, at most 30 s; only they are computed, the silence behind them is known */
  async encode(samples: Float32Array, tail: Tail = 'short'): Promise<EncodedAudio> {
    if (samples.length > WINDOW_SECONDS * SAMPLE_RATE) {
      throw new HearingError(
        'bad-audio',
        `samples: ${samples.length}, limit ${WINDOW_SECONDS * SAMPLE_RATE}`,
      );
    }
    this.silence ??= await this.run(silentWindow());
    return withSilentTail(await this.run(samples), this.silence, this.description.shape, tail);
  }

  private async run(samples: Float32Array): Promise<EncodedAudio> {
    const padded = Math.min(WINDOW_SECONDS, samples.length / SAMPLE_RATE + MARGIN_SECONDS);
    const positions = Math.ceil((padded * SAMPLE_RATE) / (2 * HOP));
    const all = new Float32Array((2 * positions - 1) * HOP + WINDOW);
    all.set(samples.subarray(0, all.length - WINDOW / 2), WINDOW / 2);
    // The first window is centred on the first sample: what would be before it is its mirror image.
    for (let i = 1; i <= WINDOW / 2; i++) all[WINDOW / 2 - i] = samples[i] ?? 0;
    const values = await this.encoder.run({ samples: new Tensor('float32', all, [1, 1, all.length]) });
    return { positions, values: values as Record<string, Tensor> };
  }

  /** Runs `ids` after what the cache holds, and adds them to it. @param rows of `ids` whose logits are wanted */
  async decode(
    audio: EncodedAudio,
    cache: DecoderCache,
    ids: readonly number[],
    rows: readonly number[],
  ): Promise<DecoderStep> {
    const past = cache.length;
    const count = ids.length;
    const int64 = (values: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
    const mask = new Float32Array(count * (past + count));
    for (let row = 0; row < count; row++) {
      mask.fill(Number.NEGATIVE_INFINITY, row * (past + count) + past + row + 1, (row + 1) * (past + count));
    }
    const feeds = {
      ...audio.values,
      ...cache.feeds(),
      ids: int64(ids),
      positions: int64(ids.map((_, i) => past + i)),
      mask: new Tensor('float32', mask, [count, past + count]),
      rows: int64(rows),
    };
    const out = await this.decoder.run(feeds);
    cache.append(count, (name) => out[name]!.data as Float32Array);
    const logits = out.logits!.data as Float32Array;
    const { vocabSize } = this.description.shape;
    return {
      logits: rows.map((_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize)),
      alignment: out.alignment!.data as Float32Array,
    };
  }

  newCache(): DecoderCache {
    return new DecoderCache(this.description.shape);
  }

  async close(): Promise<void> {
    await Promise.all([this.encoder.release(), this.decoder.release()]);
  }
}

/** A short tone, so that what follows is silence beside something, then silence. */
function silentWindow(): Float32Array {
  return Float32Array.from({ length: WINDOW_SECONDS * SAMPLE_RATE }, (_, i) =>
    i < SAMPLE_RATE / 2 ? 0.3 * Math.sin(i / 5) : 0,
  );
}

/** Tokens that a new cache has room for; it doubles. */
const FIRST_ROOM = 64;

/** Keys and values of the tokens so far, per layer [tokens, width]. */
export class DecoderCache {
  /** Tokens. */
  length = 0;
  private room = FIRST_ROOM;
  private readonly rows = new Map<string, Float32Array>();

  constructor(private readonly shape: WhisperDescription['shape']) {
    for (let layer = 0; layer < shape.decoderLayers; layer++) {
      for (const kind of ['k', 'v']) {
        this.rows.set(`${kind}${layer}`, new Float32Array(this.room * shape.width));
      }
    }
  }

  /** Forgets the tokens from `length` on. */
  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }

  feeds(): Record<string, Tensor> {
    const { width } = this.shape;
    const past = [...this.rows].map(([name, rows]) => {
      const data = rows.subarray(0, this.length * width);
      return [`p${name}`, new Tensor('float32', data, [this.length, width])] as const;
    });
    return Object.fromEntries(past);
  }

  append(count: number, added: (name: string) => Float32Array): void {
    const { width } = this.shape;
    while (this.length + count > this.room) this.room *= 2;
    for (const [name, rows] of this.rows) {
      let into = rows;
      if (into.length < this.room * width) {
        into = new Float32Array(this.room * width);
        into.set(rows.subarray(0, this.length * width));
        this.rows.set(name, into);
      }
      into.set(added(`n${name}`), this.length * width);
    }
    this.length += count;
  }
}
