import { join } from 'node:path';
import { SpeechError } from '@zen/speech';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { readTable } from '../english-tables';
import { normalNoise } from '../normal-noise';
import { openModel } from '../onnx';
import type { Utterance, VoiceModel } from '../voice-model';
import { BINS, HOP, SAMPLE_RATE, type Spectrum } from './spectrum';
import { Synthesis } from './synthesis';

/** Longest that the network may say something, in frames of 12.5 ms: at the slowest speed all its phonemes, drawled. */
const MAX_FRAMES = 60 * 80 * 4;

/** The voice `heart`: a network predicts spectra, this thread makes sound of them. */
export class HeartVoice implements VoiceModel {
  readonly sampleRate = SAMPLE_RATE;
  private readonly synthesis = new Synthesis();

  private constructor(
    private readonly model: InferenceSession,
    private readonly ids: ReadonlyMap<string, bigint>,
  ) {}

  static async open(folder: string): Promise<HeartVoice> {
    const vocabulary = await readTable(folder, 'vocab.json');
    const ids = new Map(Object.entries(vocabulary).map(([phoneme, id]) => [phoneme, BigInt(id as number)]));
    return new HeartVoice(await openModel(join(folder, 'hibari.onnx')), ids);
  }

  async *say({ phonemes, speed, quality, seed, expects }: Utterance): AsyncGenerator<Float32Array> {
    const known = [...phonemes].map((one) => this.ids.get(one)).filter((id) => id !== undefined);
    if (known.length === 0) return;
    const spectrum = await this.predict(BigInt64Array.from([0n, ...known, 0n]), speed);
    expects?.(spectrum.f0.length * HOP);
    const full = quality === 'full';
    yield* this.synthesis.blocks(spectrum, {
      // Half of the windows, and no noise under the voice: about a third of the work less, and a little rougher.
      every: full ? 1 : 2,
      noise: full,
      normal: normalNoise(seed),
    });
  }

  private async predict(ids: BigInt64Array, speed: number): Promise<Spectrum> {
    const outputs = await this.model.run({
      ids: new Tensor('int64', ids, [1, ids.length]),
      speed: new Tensor('float32', [speed], [1]),
    });
    const frames = outputs.f0?.dims[1] ?? -1;
    const part = (name: keyof Spectrum, rows: number) => {
      const data = outputs[name]?.data;
      if (data instanceof Float32Array && data.length === rows * frames && frames <= MAX_FRAMES) return data;
      throw new SpeechError('bad-model', `hibari.onnx: ${name} must be [1, ${rows}, frames] of float32`);
    };
    return {
      lh: part('lh', BINS),
      theta: part('theta', BINS),
      ln: part('ln', BINS),
      lr: part('lr', BINS),
      phi: part('phi', BINS),
      f0: part('f0', 1),
    };
  }
}
