import { AudioError } from './audio-error';
import type { AudioFormat } from './audio-format';
import { CONTAINER, fixture } from './decoded.fixture';
import { OggOpusWriter } from './ogg-opus-writer';
import { openDecoder } from './open-decoder';

const MAX_SECONDS = 3;

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Decodes without keeping; 'ok', or the failure. Anything else than an AudioError is thrown. */
function outcome(bytes: Uint8Array, format: AudioFormat = CONTAINER, cut = 1500): string {
  const decoder = openDecoder(format, 16_000, { maxSeconds: MAX_SECONDS });
  let samples = 0;
  const read = (pieces: Iterable<Float32Array>) => {
    for (const piece of pieces) {
      samples += piece.length;
      if (piece.length > 96_000) throw new Error(`a piece of ${piece.length} samples`);
      if (!piece.every((sample) => Math.abs(sample) <= 4)) throw new Error('no number');
    }
  };
  try {
    for (let at = 0; at < bytes.length; at += cut) read(decoder.push(bytes.subarray(at, at + cut)));
    read(decoder.end());
    return 'ok';
  } catch (error) {
    if (error instanceof AudioError) return error.failure;
    throw error;
  } finally {
    decoder.close();
    expect(samples).toBeLessThanOrEqual(MAX_SECONDS * 16_000 + 1);
  }
}

const FILES = [
  'extensible-24.wav',
  'mulaw.wav',
  'mono-24000.opus',
  'stereo-44100.opus',
  'vbr-44100.mp3',
  'cbr-16000.mp3',
].map((name) => [name, fixture(name).subarray(0, 12_000)] as const);
const KNOWN = /^(ok|unsupported|malformed|truncated|too_long)$/;

test.each(FILES)('%s, ending anywhere', (_, bytes) => {
  for (let length = 0; length < bytes.length; length += length < 120 ? 5 : 797) {
    expect(outcome(bytes.subarray(0, length))).toMatch(KNOWN);
  }
});

test.each(FILES)('%s with wrong bits', (_, bytes) => {
  const random = seeded(8);
  for (let run = 0; run < 24; run++) {
    const wrong = Buffer.from(bytes);
    const flips = 1 + Math.floor(random() * 20);
    // Half of them where the headers are.
    const reach = run % 2 === 0 ? 100 : wrong.length;
    for (let i = 0; i < flips; i++) {
      const at = Math.floor(random() * reach);
      wrong[at] = (wrong[at] as number) ^ (1 << Math.floor(random() * 8));
    }
    expect(outcome(wrong)).toMatch(KNOWN);
  }
});

test.each(FILES)('%s with its middle lost, doubled, or made of noise', (_, bytes) => {
  const random = seeded(9);
  for (let run = 0; run < 12; run++) {
    const from = Math.floor(random() * bytes.length);
    const to = Math.min(bytes.length, from + Math.floor(random() * 600));
    const noise = Buffer.from(Array.from({ length: to - from }, () => Math.floor(random() * 256)));
    const parts = [bytes.subarray(0, from), bytes.subarray(to)] as const;
    const middle = [
      Buffer.alloc(0),
      Buffer.concat([bytes.subarray(from, to), bytes.subarray(from, to)]),
      noise,
    ];
    expect(outcome(Buffer.concat([parts[0], middle[run % 3] as Buffer, parts[1]]))).toMatch(KNOWN);
  }
});

test('noise behind every magic', () => {
  const random = seeded(10);
  const magics = [
    'RIFF0000WAVEfmt ',
    'RIFF0000WAVEdata',
    'OggS\0\x02',
    'ID3\x04\0\0\0\0\0\x05',
    '\xff\xfb\x90\x64',
    '\xff\xf3\x40\xc4',
    '',
  ];
  for (const magic of magics) {
    for (let run = 0; run < 4; run++) {
      const noise = Buffer.from(Array.from({ length: 3000 }, () => Math.floor(random() * 256)));
      expect(outcome(Buffer.concat([Buffer.from(magic, 'latin1'), noise]))).toMatch(KNOWN);
    }
  }
});

test('raw bytes of any value are sound, but for what is no number', () => {
  const random = seeded(11);
  const noise = Buffer.from(Array.from({ length: 8000 }, () => Math.floor(random() * 256)));
  for (const encoding of ['pcm_s16le', 'mulaw', 'alaw'] as const) {
    expect(outcome(noise, { kind: 'raw', encoding, sampleRate: 8000, channels: 2 }, 333)).toBe('ok');
  }
  const floats = { kind: 'raw', encoding: 'pcm_f32le', sampleRate: 8000, channels: 1 } as const;
  expect(outcome(noise, floats)).toMatch(/^(ok|malformed)$/);
  const odd = { kind: 'raw', encoding: 'pcm_s16le', sampleRate: 8000, channels: 1 } as const;
  expect(outcome(noise.subarray(1), odd)).toBe('truncated');
});

/** The inside of the writer: pages whose checksums are right, whatever they hold. */
interface Pages {
  head(): Uint8Array;
  page(packets: Uint8Array[], granule: bigint, flags: number): Uint8Array;
  close(): void;
}

test('pages that are right around packets that are not', () => {
  const random = seeded(12);
  const seen = new Set<string>();
  for (let run = 0; run < 150; run++) {
    const writer = new OggOpusWriter(48_000) as unknown as Pages;
    const packets = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      Uint8Array.from({ length: Math.floor(random() ** 3 * 500) }, () => Math.floor(random() * 256)),
    );
    const granule = BigInt(Math.floor(random() * 20_000)) - (run % 10 === 0 ? 2n ** 62n : 0n);
    const pages = [writer.head(), writer.page(packets, granule, run % 2 === 0 ? 4 : 0)];
    writer.close();
    const result = outcome(Buffer.concat(pages));
    expect(result).toMatch(KNOWN);
    seen.add(result);
  }
  expect(seen).toContain('ok');
  expect(seen).toContain('malformed');
});

test('a few bytes that stand for hours: ended at the limit, without being made', () => {
  // Packets of two bytes that stand for 120 ms each: two frames of 60 ms that hold nothing.
  const writer = new OggOpusWriter(48_000) as unknown as Pages;
  const packets = Array.from({ length: 250 }, () => Uint8Array.of((11 << 3) | 1));
  const pages = [writer.head()];
  for (let page = 1; page <= 200; page++) pages.push(writer.page(packets, BigInt(page * 250 * 5760), 0));
  writer.close();
  const bomb = Buffer.concat(pages);
  expect(bomb.length).toBeLessThan(120_000);
  expect(outcome(bomb, CONTAINER, bomb.length)).toBe('too_long');
});

test('an MP3 of tags, and one of nothing but junk', () => {
  const tag = Buffer.from('ID3\x04\0\0\x7f\x7f\x7f\x7f', 'latin1');
  expect(outcome(Buffer.concat([tag, Buffer.alloc(100_000)]))).toBe('malformed');
  const frame = fixture('cbr-16000.mp3').subarray(0, 4);
  expect(outcome(Buffer.concat([frame, Buffer.alloc(600_000)]), CONTAINER, 8192)).toBe('malformed');
});
