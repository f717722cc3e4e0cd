import { join } from 'node:path';
import { SpeechError } from '@zen/speech';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { readTable } from '../english-tables';
import { normalNoise } from '../normal-noise';
import { openModel } from '../onnx';
import type { Utterance, VoiceModel } from '../voice-model';
import { espeakPhonemes } from './espeak-phonemes';
import { LENGTH_NOISE, SOUND_NOISE, SOUND_NOISE_SHAPE, withNoiseInputs } from './seeded-model';

/** Samples handed on at a time. */
const BLOCK = 2_205;

interface PiperConfig {
  sampleRate: number;
  /** How random the sound and its lengths are. */
  noise: number;
  lengthNoise: number;
  lengthScale: number;
  ids: ReadonlyMap<string, readonly bigint[]>;
}

/** The voice `joe`, a VITS network of Piper: phonemes in, sound out, all at once. */
export class JoeVoice implements VoiceModel {
  private constructor(
    private readonly model: InferenceSession,
    private readonly config: PiperConfig,
  ) {}

  get sampleRate(): number {
    return this.config.sampleRate;
  }

  static async open(folder: string): Promise<JoeVoice> {
    const name = 'en_US-joe-medium.onnx';
    const config = piperConfig(await readTable(folder, `${name}.json`), name);
    const model = await openModel(join(folder, name), (bytes) => withNoiseInputs(bytes, name));
    return new JoeVoice(model, config);
  }

  async *say({ phonemes, speed, seed, expects }: Utterance): AsyncGenerator<Float32Array> {
    const ids = this.idsOf(espeakPhonemes(phonemes));
    if (ids.length === 0) return;
    const { noise, lengthNoise, lengthScale } = this.config;
    const normal = normalNoise(seed);
    const outputs = await this.model.run({
      [LENGTH_NOISE]: noiseTensor([1, 2, ids.length], normal),
      [SOUND_NOISE]: noiseTensor(SOUND_NOISE_SHAPE, normal),
      input: new Tensor('int64', ids, [1, ids.length]),
      input_lengths: new Tensor('int64', [BigInt(ids.length)], [1]),
      scales: new Tensor('float32', [noise, lengthScale / speed, lengthNoise], [3]),
    });
    const samples = outputs[this.model.outputNames[0]!]?.data;
    if (!(samples instanceof Float32Array)) {
      throw new SpeechError('bad-model', 'en_US-joe-medium.onnx: its output must be float32');
    }
    expects?.(samples.length);
    for (let at = 0; at < samples.length; at += BLOCK) yield samples.subarray(at, at + BLOCK);
  }

  /** A blank after every phoneme, and marks at both ends. */
  private idsOf(phonemes: string): BigInt64Array {
    const blank = this.config.ids.get('_') ?? [];
    const known = [...phonemes].map((one) => this.config.ids.get(one)).filter((ids) => ids !== undefined);
    if (known.length === 0) return new BigInt64Array();
    const body = known.flatMap((ids) => [...ids, ...blank]);
    const [first, last] = [this.config.ids.get('^') ?? [], this.config.ids.get('$') ?? []];
    return BigInt64Array.from([...first, ...blank, ...body, ...last]);
  }
}

function noiseTensor(shape: readonly number[], normal: () => number): Tensor {
  const length = shape.reduce((product, each) => product * each, 1);
  return new Tensor('float32', Float32Array.from({ length }, normal), shape);
}

function piperConfig(table: Readonly<Record<string, unknown>>, name: string): PiperConfig {
  const audio = table.audio as { sample_rate?: unknown } | undefined;
  const inference = table.inference as Record<string, unknown> | undefined;
  const map = table.phoneme_id_map as Record<string, number[]> | undefined;
  const numbers = [
    audio?.sample_rate,
    inference?.noise_scale,
    inference?.noise_w,
    inference?.length_scale,
  ].map(Number);
  if (!map || numbers.some((value) => !Number.isFinite(value))) {
    throw new SpeechError('bad-model', `${name}.json needs audio, inference and phoneme_id_map`);
  }
  const [sampleRate, noise, lengthNoise, lengthScale] = numbers as [number, number, number, number];
  const ids = new Map(Object.entries(map).map(([phoneme, list]) => [phoneme, list.map(BigInt)]));
  return { sampleRate, noise, lengthNoise, lengthScale, ids };
}
