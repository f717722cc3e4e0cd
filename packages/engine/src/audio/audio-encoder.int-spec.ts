import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GREEDY } from '../greedy';
import { loadEngine } from '../load-engine';
import { tinyLadder } from '../tiny-ladder.fixture';
import { AudioEncoder, logMel } from './audio-encoder';
import type { AudioRows } from './native-audio';

const FIXTURES = join(__dirname, '../../fixtures/audio');
const NAMES = ['wide', 'odd'];

interface Golden {
  frames: { count: number; rows: string }[];
  samples: { count: number; rows: string; melFrames: number; mel: { frame: number; values: string }[] };
}

const golden = (name: string): Golden =>
  JSON.parse(readFileSync(join(FIXTURES, name, 'golden.json'), 'utf8')) as Golden;
const weights = (name: string) => join(FIXTURES, name, 'model.safetensors');
const config = (name: string) => readFileSync(join(FIXTURES, name, 'config.json'), 'utf8');
const open = (name: string, threads = 2) => AudioEncoder.open(config(name), [weights(name)], { threads });

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** As make_audio_encoder.py draws them. */
function frames(count: number, bins: number): Float32Array {
  return Float32Array.from({ length: count * bins }, (_, i) => {
    return (((Math.floor(i / bins) * 7919 + (i % bins) * 104729) % 2001) - 1000) / 1000;
  });
}
function sound(count: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const swell = Math.floor(Math.abs((i % 8000) - 4000) / 4);
    return Math.floor(((Math.floor(state / 65536) - 16384) * swell) / 1024) / 32768;
  });
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

/** All rows of appends, each from its first row on. */
function assembled(appends: AudioRows[], outputSize: number): Float32Array {
  const last = appends[appends.length - 1]!;
  const out = new Float32Array(last.firstRow * outputSize + last.rows.length);
  for (const { firstRow, rows } of appends) out.set(rows, firstRow * outputSize);
  return out;
}

describe.each(NAMES)('the audio encoder beside the reference (%s)', (name) => {
  const expected = golden(name);

  it('makes the same log-mel frames', async () => {
    const encoder = open(name);
    const { melBins } = encoder.shape;
    const mel = await logMel(sound(expected.samples.count), melBins);
    expect(mel.length).toBe(expected.samples.melFrames * melBins);
    for (const { frame, values } of expected.samples.mel) {
      const own = mel.slice(frame * melBins, (frame + 1) * melBins);
      expect(largestDifference(own, floats(values))).toBeLessThan(2e-4);
    }
    encoder.close();
  });

  it.each(expected.frames.map(({ count }) => count))('makes the same rows of %d frames', async (count) => {
    const encoder = open(name);
    const { rows, finalRows } = await encoder
      .stream()
      .appendFrames(frames(count, encoder.shape.melBins), { last: true });
    const theirs = floats(expected.frames.find((one) => one.count === count)!.rows);
    expect(finalRows).toBe(theirs.length / encoder.shape.outputSize);
    expect(largestDifference(rows, theirs)).toBeLessThan(1e-4);
    encoder.close();
  });

  it('makes the same rows of sound whose peak is known', async () => {
    const encoder = open(name);
    const samples = sound(expected.samples.count);
    // (peak + 4) / 4 is the largest value of a whole recording's frames.
    const mel = await logMel(samples, encoder.shape.melBins);
    const peak = mel.reduce((most, value) => Math.max(most, value), -10) * 4 - 4;
    const { rows } = await encoder.stream({ peak }).appendSamples(samples, { last: true });
    expect(largestDifference(rows, floats(expected.samples.rows))).toBeLessThan(2e-3);
    encoder.close();
  });
});

describe.each(NAMES)('appends (%s)', (name) => {
  const samples = sound(16_000 * 17 + 5003);
  const encoder = open(name);
  const { outputSize, chunkRows, windowChunks } = encoder.shape;
  let whole: Float32Array;
  beforeAll(async () => {
    whole = (await encoder.stream().appendSamples(samples, { last: true })).rows;
  });
  afterAll(() => encoder.close());

  it.each([
    ['a second', 16_000],
    ['20 ms', 320],
    ['an odd number', 7001],
  ])('of %s give the same bits as the whole', async (_label, portion) => {
    const stream = open(name, 1).stream();
    const appends: AudioRows[] = [];
    for (let at = 0; at < samples.length; at += portion) {
      const last = at + portion >= samples.length;
      appends.push(await stream.appendSamples(samples.slice(at, at + portion), { last }));
    }
    expect(assembled(appends, outputSize)).toEqual(whole);
  });

  it('give provisional rows that count until their window is whole', async () => {
    const stream = encoder.stream();
    const finals: number[] = [];
    for (let second = 0; second < 17; second++) {
      const { firstRow, finalRows, rows } = await stream.appendSamples(
        // 40 more samples, so that the second is whole.
        samples.slice(second === 0 ? 0 : second * 16_000 + 41, (second + 1) * 16_000 + 41),
        { provisional: true },
      );
      expect(firstRow).toBe(finals[finals.length - 1] ?? 0);
      expect(firstRow + rows.length / outputSize).toBe((second + 1) * chunkRows);
      const own = rows.slice(0, (finalRows - firstRow) * outputSize);
      expect(own).toEqual(whole.slice(firstRow * outputSize, finalRows * outputSize));
      finals.push(finalRows);
    }
    expect(finals).toEqual(
      Array.from({ length: 17 }, (_, i) => Math.floor((i + 1) / windowChunks) * windowChunks * chunkRows),
    );
  });
});

it('gives rows that a thinker takes in place of tokens, as they come or all at once', async () => {
  const ladder = tinyLadder();
  const encoder = open('wide');
  expect(encoder.shape.outputSize).toBe(ladder.hiddenSize);
  const model = loadEngine().open(ladder.configJson, {
    threads: 1,
    kvBytes: 1 << 20,
    kvType: 'f16',
    contextTokens: 512,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(ladder.vocabSize + 1),
  });
  await model.attachStage(0, ladder.stagePaths[0]!);
  const samples = sound(16_000 * 9);

  const answer = async (portions: Float32Array[]) => {
    const stream = encoder.stream();
    const sequence = model.createSequence({ ...GREEDY, logprobs: 0 });
    for (const [i, portion] of portions.entries()) {
      const last = i === portions.length - 1;
      const { rows: embeddings } = await stream.appendSamples(portion, { last });
      if (embeddings.length === 0) continue;
      const item = { sequence, tokens: new Int32Array(0), embeddings, stage: 0, sample: last, draft: null };
      const [output] = await model.step([item]);
      if (last) return { token: output!.token, logprob: output!.logprob };
    }
    throw new Error('no portions');
  };

  const whole = await answer([samples]);
  const cut = Array.from({ length: 9 }, (_, i) => samples.slice(i * 16_000, (i + 1) * 16_000));
  expect(whole.token).toBeGreaterThanOrEqual(0);
  expect(await answer(cut)).toEqual(whole);
  expect(await answer([sound(16_000 * 5)])).not.toEqual(whole);
  model.close();
  encoder.close();
  ladder.remove();
});

describe('refusals name what breaks which limit', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-audio-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each<[string, () => unknown, RegExp]>([
    ['a window', () => reopen({ n_window_infer: 750 }), /^n_window_infer must be a multiple of 100$/],
    [
      'an activation',
      () => reopen({ activation_function: 'relu' }),
      /^activation_function must be one of gelu$/,
    ],
    ['heads', () => reopen({ encoder_attention_heads: 5 }), /^d_model must be a multiple of/],
    [
      'a shape',
      () => reopen({ encoder_ffn_dim: 63 }),
      /^tensor layers\.0\.fc1\.weight must have the shape \[63, 32\], not \[64, 32\]$/,
    ],
    [
      'a tensor',
      () => reopen({ encoder_layers: 3 }),
      /^tensor layers\.2\.self_attn_layer_norm\.weight must be there$/,
    ],
    [
      'a file',
      () => AudioEncoder.open(config('wide'), [join(folder, 'none')], { threads: 1 }),
      /must be a file that can be read/,
    ],
    [
      'a cut file',
      () => AudioEncoder.open(config('wide'), [cut()], { threads: 1 }),
      /^tensor .*data_offsets must lie within/,
    ],
    [
      'threads',
      () => AudioEncoder.open(config('wide'), [weights('wide')], { threads: 0 }),
      /^threads must be/,
    ],
  ])('%s', (_label, call, message) => {
    expect(call).toThrow(message);
  });

  it('of a stream', async () => {
    const encoder = open('wide');
    const stream = encoder.stream();
    await expect(stream.appendSamples(new Float32Array([Number.NaN]))).rejects.toThrow(
      /^samples must be finite$/,
    );
    await expect(stream.appendSamples(new Float32Array(200), { last: true })).rejects.toThrow(
      /^samples must be at least 201 in all$/,
    );
    await stream.appendSamples(sound(400));
    await expect(stream.appendFrames(new Float32Array(128))).rejects.toThrow(/samples or frames, not both$/);
    await stream.appendSamples(sound(400), { last: true });
    await expect(stream.appendSamples(sound(400))).rejects.toThrow(/^stream must not have ended or failed$/);
    stream.close();
    await expect(stream.appendSamples(sound(400))).rejects.toThrow(/^stream must not be closed$/);
    expect(() => encoder.stream({ peak: 21 })).toThrow(/^peak must be from -10 to 20$/);
    encoder.close();
    expect(() => encoder.stream()).toThrow(/^encoder must not be closed$/);
  });

  function reopen(change: Record<string, unknown>): AudioEncoder {
    const changed = { ...(JSON.parse(config('wide')) as object), ...change };
    return AudioEncoder.open(JSON.stringify(changed), [weights('wide')], { threads: 1 });
  }
  function cut(): string {
    const path = join(folder, 'cut.safetensors');
    writeFileSync(path, readFileSync(weights('wide')).subarray(0, -100));
    return path;
  }
});
