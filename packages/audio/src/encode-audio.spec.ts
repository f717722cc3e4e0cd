import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AudioFormat } from './audio-format';
import { decoded, loudest, purity } from './decoded.fixture';
import { encodeAudio, type OutputFormat } from './encode-audio';
import { encodeMp3 } from './encode-mp3';

const RATE = 24_000;
const hasLame = spawnSync('lame', ['--version']).status === 0;

/** 440 Hz at half of full scale, in pieces of 80 ms. */
async function* tone(seconds: number): AsyncGenerator<Float32Array> {
  const count = Math.round(seconds * RATE);
  for (let at = 0; at < count; at += 1920) {
    yield Float32Array.from(
      { length: Math.min(1920, count - at) },
      (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * (at + i)) / RATE),
    );
  }
}

const NEVER = new AbortController().signal;

async function encoded(format: OutputFormat, pieces: AsyncIterable<Float32Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const bytes of await encodeAudio(format, RATE, pieces, NEVER)) all.push(bytes);
  return Buffer.concat(all);
}

const raw = (encoding: 'pcm_s16le' | 'mulaw' | 'alaw'): AudioFormat => {
  return { kind: 'raw', encoding, sampleRate: RATE, channels: 1 };
};
const CONTAINER: AudioFormat = { kind: 'container' };

const EXACT: [OutputFormat, AudioFormat][] = [
  ['pcm', raw('pcm_s16le')],
  ['wav', CONTAINER],
  ['mulaw', raw('mulaw')],
  ['alaw', raw('alaw')],
  ['opus', CONTAINER],
];

test.each(EXACT)('%s comes back as the tone that it was, to the sample as long', async (name, format) => {
  for (const seconds of [0.5, 0.1, 1.234]) {
    const samples = decoded(await encoded(name, tone(seconds)), { format, rate: RATE });
    expect(samples).toHaveLength(Math.round(seconds * RATE));
    if (seconds < 0.5) continue;
    expect(loudest(samples)).toBeGreaterThan(0.45);
    expect(purity(samples, 440, RATE)).toBeGreaterThan(0.97);
  }
});

test.each(EXACT)('%s of nothing is something that can be read', async (name, format) => {
  const bytes = await encoded(name, tone(0));
  if (bytes.length > 0) expect(decoded(bytes, { format })).toHaveLength(0);
});

test('a WAV that is written as it comes says that it knows no size', async () => {
  const bytes = await encoded('wav', tone(0.1));
  expect(bytes.readUInt32LE(4)).toBe(0xffff_ffff);
  expect(bytes.readUInt32LE(40)).toBe(0xffff_ffff);
  expect(bytes).toHaveLength(44 + 2 * 2400);
});

test('opus is sent while it is made', async () => {
  let pulled = 0;
  async function* counted() {
    for await (const piece of tone(2)) {
      pulled++;
      yield piece;
    }
  }
  const bytes = await encodeAudio('opus', RATE, counted(), NEVER);
  await bytes.next();
  await bytes.next();
  expect(pulled).toBeLessThan(5);
  await bytes.return(undefined);
  expect(pulled).toBeLessThan(5);
});

(hasLame ? describe : describe.skip)('mp3, by lame', () => {
  test('comes back as the tone that it was', async () => {
    const samples = decoded(await encoded('mp3', tone(1)), { rate: RATE });
    // Up to three frames more: nobody says in a stream what the encoder added.
    expect(samples.length).toBeGreaterThanOrEqual(RATE);
    expect(samples.length).toBeLessThan(RATE + 3 * 576 + 1152);
    expect(purity(samples.subarray(4000), 440, RATE)).toBeGreaterThan(0.95);
  });

  test('a failure of whoever makes the samples is the failure', async () => {
    async function* failing() {
      yield* tone(0.2);
      throw new Error('no more');
    }
    await expect(encoded('mp3', failing())).rejects.toThrow('no more');
  });

  test('it is killed when nobody wants the rest', async () => {
    const stop = new AbortController();
    let ended = false;
    async function* endless() {
      try {
        for (;;) {
          yield* tone(1);
          await sleep(1);
        }
      } finally {
        ended = true;
      }
    }
    const bytes = await encodeAudio('mp3', RATE, endless(), stop.signal);
    await bytes.next();
    stop.abort();
    await expect(
      (async () => {
        for await (const _ of bytes);
      })(),
    ).rejects.toThrow('aborted');
    expect(ended).toBe(true);
  });
});

test('where lame is not installed mp3 is refused by that name', async () => {
  await expect(encodeMp3(RATE, tone(1), NEVER, '/nowhere/lame')).rejects.toMatchObject({
    failure: 'unavailable',
    message: 'mp3 is not available: lame is not installed (apt-get install lame)',
  });
});
