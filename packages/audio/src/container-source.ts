import type { SampleSource } from './audio-decoder';
import { AudioError } from './audio-error';
import { ByteQueue } from './byte-queue';
import { Mp3Source } from './mp3-source';
import { OggOpusSource } from './ogg-opus-source';
import { WavSource } from './wav-source';

const MAGIC_BYTES = 12;

/** Opens the source of whatever container the first bytes are. */
export class ContainerSource implements SampleSource {
  private readonly first = new ByteQueue();
  private source: SampleSource | undefined;

  get sampleRate(): number {
    if (!this.source) throw new Error('nothing has been decoded yet');
    return this.source.sampleRate;
  }

  *push(bytes: Uint8Array): Generator<Float32Array> {
    if (this.source) return yield* this.source.push(bytes);
    this.first.push(bytes);
    if (this.first.length >= MAGIC_BYTES) yield* this.open();
  }

  *end(): Generator<Float32Array> {
    if (!this.source) {
      if (this.first.length === 0) throw new AudioError('truncated', 'audio: empty');
      yield* this.open();
    }
    if (this.source) yield* this.source.end();
  }

  close(): void {
    this.source?.close();
  }

  private *open(): Generator<Float32Array> {
    this.source = sourceOf(this.first.peek());
    yield* this.source.push(this.first.take(this.first.length));
  }
}

/** What else comes often enough to be called by its name. */
const OTHERS: readonly [at: number, magic: string, name: string][] = [
  [0, 'fLaC', 'FLAC'],
  [4, 'ftyp', 'MP4'],
  [0, '\x1a\x45\xdf\xa3', 'WebM'],
  [0, 'FORM', 'AIFF'],
  [0, '#!AMR', 'AMR'],
  [0, 'RIFX', 'big-endian WAV'],
];

function sourceOf(bytes: Uint8Array): SampleSource {
  const start = Buffer.from(bytes.subarray(0, MAGIC_BYTES)).toString('latin1');
  if (/^(RIFF|RF64)/.test(start)) return new WavSource();
  if (start.startsWith('OggS')) return new OggOpusSource();
  if (start.startsWith('ID3') || isMp3Frame(bytes)) return new Mp3Source();
  const other = OTHERS.find(([at, magic]) => start.startsWith(magic, at));
  const found = other ? `${other[2]}, ` : '';
  throw new AudioError('unsupported', `audio: ${found}not one of WAV, Ogg Opus, MP3`);
}

/** Eleven bits of synchronisation, then a version and a bit rate that exist, and layer III. */
function isMp3Frame([a = 0, b = 0, c = 0]: Uint8Array): boolean {
  return a === 0xff && (b & 0xe6) === 0xe2 && (b & 0x18) !== 0x08 && c >> 4 !== 15 && (c & 0x0c) !== 0x0c;
}
