import { decoded, loudest } from './decoded.fixture';
import { wavHeader } from './encode-pcm';

interface Parts {
  tag?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  block?: number;
  /** Of the data chunk, as its head says. */
  size?: number;
  before?: Buffer[];
  after?: Buffer;
  data: Buffer;
}

function chunk(name: string, data: Buffer, size = data.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

function wav({
  tag = 1,
  channels = 1,
  rate = 16_000,
  bits = 16,
  size,
  before = [],
  after,
  data,
  ...more
}: Parts): Buffer {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE(more.block ?? (channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  const body = Buffer.concat([
    Buffer.from('WAVE'),
    ...before,
    chunk('fmt ', format),
    chunk('data', data, size),
    after ?? Buffer.alloc(0),
  ]);
  return chunk('RIFF', body);
}

/** A ramp in 16 bits. */
const PCM = Buffer.from(Int16Array.from({ length: 100 }, (_, i) => i * 300).buffer);
const RAMP = Array.from({ length: 100 }, (_, i) => (i * 300) / 0x8000);

const GOOD: [name: string, bytes: Buffer][] = [
  ['as it should be', wav({ data: PCM })],
  ['of a size that nobody knew', wav({ data: PCM, size: 0xffff_ffff })],
  ['of a size that nobody ever filled in', wav({ data: PCM, size: 0 })],
  [
    'with chunks of odd size before its audio',
    wav({ data: PCM, before: [chunk('LIST', Buffer.alloc(33)), chunk('odd ', Buffer.alloc(1))] }),
  ],
  ['with chunks after its audio', wav({ data: PCM, after: chunk('id3 ', Buffer.alloc(501)) })],
  ['cut off by its recorder', wav({ data: PCM, size: 100_000 })],
  ['with a header as this package writes it', Buffer.concat([wavHeader(16_000), PCM])],
  ['with half of a sample at its end', Buffer.concat([wavHeader(16_000), PCM, Buffer.from([1])])],
];

test.each(GOOD)('a file %s', (_, bytes) => {
  for (const cut of [1, 7, 10_000]) expect([...decoded(bytes, { cut })]).toEqual(RAMP);
});

const DEPTHS: [name: string, tag: number, bits: number, data: (x: number) => Buffer, worst: number][] = [
  ['8 bits', 1, 8, (x) => Buffer.from([Math.round(x * 127) + 128]), 0.01],
  ['16 bits', 1, 16, (x) => Buffer.from(Int16Array.of(x * 32_767).buffer), 1e-4],
  [
    '24 bits',
    1,
    24,
    (x) => {
      const bytes = Buffer.alloc(3);
      bytes.writeIntLE(Math.round(x * 0x7f_ffff), 0, 3);
      return bytes;
    },
    1e-6,
  ],
  ['32 bits', 1, 32, (x) => Buffer.from(Int32Array.of(x * 0x7fff_ffff).buffer), 1e-6],
  ['float of 32 bits', 3, 32, (x) => Buffer.from(Float32Array.of(x).buffer), 1e-7],
  ['float of 64 bits', 3, 64, (x) => Buffer.from(Float64Array.of(x).buffer), 1e-7],
];

test.each(DEPTHS)('%s, mono and the mean of stereo', (_, tag, bits, write, worst) => {
  const values = Array.from({ length: 50 }, (_, i) => Math.sin(i / 3) * 0.9);
  const mono = decoded(wav({ tag, bits, data: Buffer.concat(values.map(write)) }));
  const pairs = values.flatMap((value) => [write(value), write(-value / 2)]);
  const stereo = decoded(wav({ tag, bits, channels: 2, data: Buffer.concat(pairs) }));
  const off = (samples: Float32Array, scale: number) =>
    loudest(samples.map((sample, i) => sample - scale * (values[i] as number)));
  expect(mono).toHaveLength(50);
  expect(stereo).toHaveLength(50);
  expect(off(mono, 1)).toBeLessThan(worst);
  expect(off(stereo, 0.25)).toBeLessThan(worst);
});

const nan = Buffer.from(Float32Array.of(Number.NaN).buffer);
const BAD: [name: string, bytes: Buffer, message: string][] = [
  ['no bytes', Buffer.alloc(0), 'audio: empty'],
  ['a few bytes', Buffer.from('RIF'), 'not one of WAV, Ogg Opus, MP3'],
  ['FLAC', Buffer.from('fLaC00000000000'), 'audio: FLAC, not one of'],
  ['MP4', Buffer.from('0000ftypisom0000'), 'audio: MP4, not one of'],
  ['text', Buffer.from('<!doctype html><p>'), 'not one of WAV'],
  ['RIFF of something else', Buffer.from('RIFF0000AVI 0000'), 'not WAVE'],
  ['no audio', wav({ data: PCM }).subarray(0, 30), 'ends before its data'],
  [
    'data before its format',
    Buffer.concat([Buffer.from('RIFF0000WAVE'), chunk('data', PCM)]),
    'data: comes before fmt',
  ],
  ['three channels', wav({ data: PCM, channels: 3 }), 'fmt.channels: 3, from 1 to 2'],
  ['no channels', wav({ data: PCM, channels: 0 }), 'fmt.channels: 0, from 1 to 2'],
  ['a rate of nothing', wav({ data: PCM, rate: 0 }), 'fmt.sample_rate: 0 Hz, not one of'],
  ['a strange rate', wav({ data: PCM, rate: 12_345 }), 'fmt.sample_rate: 12345 Hz, not one of'],
  ['another encoding', wav({ data: PCM, tag: 2, bits: 4, block: 2 }), 'fmt: format 2 of 4 bits'],
  ['frames of another size', wav({ data: PCM, block: 7 }), 'fmt.block_align: 7, expected 2'],
  ['no number', wav({ tag: 3, bits: 32, data: nan }), 'sample: not a finite number'],
  [
    'a format of a gigabyte',
    Buffer.concat([Buffer.from('RIFF0000WAVE'), chunk('fmt ', Buffer.alloc(16), 2 ** 30)]),
    'fmt: 1073741824 bytes, from 16 to 1024',
  ],
  [
    'chunks without end',
    Buffer.concat([Buffer.from('RIFF0000WAVE'), ...Array(1100).fill(chunk('junk', Buffer.alloc(0)))]),
    'more than 1024 chunks',
  ],
];

test.each(BAD)('%s is refused by name', (_, bytes, message) => {
  expect(() => decoded(bytes)).toThrow(message);
  expect(() => decoded(bytes, { cut: 3 })).toThrow(message);
});

test('longer than is allowed', () => {
  const hour = Buffer.concat([wavHeader(16_000), Buffer.alloc(2 * 16_000 * 3)]);
  expect(() => decoded(hour, { maxSeconds: 2 })).toThrow('audio: longer than 2 seconds');
  expect(decoded(hour, { maxSeconds: 3 })).toHaveLength(48_000);
});
