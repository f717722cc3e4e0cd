import type { Pieces, SampleSource } from './audio-decoder';
import { AudioError } from './audio-error';
import { ByteQueue } from './byte-queue';
import { FrameReader } from './frame-reader';
import { parseWavFormat, type WavFormat } from './wav-format';

const RIFF_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
const LEAST_FORMAT_BYTES = 16;
const MOST_FORMAT_BYTES = 1024;
/** Of chunks before the audio; a hostile file must not be a list of a million. */
const MOST_CHUNKS = 1024;

type State =
  | { t: 'riff' }
  | { t: 'chunk' }
  | { t: 'format'; bytes: number }
  | { t: 'skip'; bytes: number }
  /** `bytes` is Infinity where the writer did not know. */
  | { t: 'data'; bytes: number }
  | { t: 'after' };

/**
 * WAV as it comes. A size of 0 or 0xFFFFFFFF means up to the end: so writes who does not know it yet. A file that ends
 * before its size says ends where it ends, as every recorder that was cut off leaves it.
 */
export class WavSource implements SampleSource {
  private readonly queue = new ByteQueue();
  private state: State = { t: 'riff' };
  private chunks = 0;
  private format: WavFormat | undefined;
  private reader: FrameReader | undefined;

  get sampleRate(): number {
    if (!this.format) throw new Error('nothing has been decoded yet');
    return this.format.sampleRate;
  }

  *push(bytes: Uint8Array): Generator<Float32Array> {
    if (this.state.t === 'data' && this.queue.length === 0) {
      yield* this.data(bytes);
      return;
    }
    if (this.state.t === 'after') return;
    this.queue.push(bytes);
    while (this.head());
    // A cast: the compiler does not see that head() moves on.
    if ((this.state as State).t === 'data') yield* this.data(this.queue.take(this.queue.length));
  }

  /** The last frame of a file that was cut off is let go. */
  end(): Pieces {
    const { t } = this.state;
    if (t === 'data' || t === 'after') return [];
    throw new AudioError('truncated', 'wav: ends before its data');
  }

  close(): void {}

  private *data(bytes: Uint8Array): Generator<Float32Array> {
    if (this.state.t !== 'data') return;
    const ours = bytes.subarray(0, this.state.bytes);
    const left = this.state.bytes - ours.length;
    this.state = left === 0 ? { t: 'after' } : { t: 'data', bytes: left };
    if (this.reader) yield* this.reader.push(ours);
  }

  /** One step through what comes before the audio; false where more bytes are needed or the audio begins. */
  private head(): boolean {
    const { state, queue } = this;
    switch (state.t) {
      case 'riff': {
        if (queue.length < RIFF_BYTES) return false;
        const riff = queue.take(RIFF_BYTES);
        if (text(riff.subarray(8)) !== 'WAVE') throw new AudioError('malformed', 'wav: RIFF, but not WAVE');
        this.state = { t: 'chunk' };
        return true;
      }
      case 'chunk':
        if (queue.length < CHUNK_HEAD_BYTES) return false;
        this.state = this.chunk(queue.take(CHUNK_HEAD_BYTES));
        return true;
      case 'format':
        if (queue.length < state.bytes) return false;
        this.format = parseWavFormat(queue.take(state.bytes));
        this.state = { t: 'skip', bytes: state.bytes % 2 };
        return true;
      case 'skip': {
        const left = state.bytes - queue.skip(state.bytes);
        this.state = left === 0 ? { t: 'chunk' } : { t: 'skip', bytes: left };
        return left === 0;
      }
      case 'data':
      case 'after':
        return false;
    }
  }

  private chunk(head: Uint8Array): State {
    const bytes = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    switch (text(head.subarray(0, 4))) {
      case 'fmt ':
        if (this.format) throw new AudioError('malformed', 'fmt: more than one');
        if (bytes < LEAST_FORMAT_BYTES || bytes > MOST_FORMAT_BYTES) {
          const message = `fmt: ${bytes} bytes, from ${LEAST_FORMAT_BYTES} to ${MOST_FORMAT_BYTES}`;
          throw new AudioError('malformed', message);
        }
        return { t: 'format', bytes };
      case 'data': {
        if (!this.format) throw new AudioError('malformed', 'data: comes before fmt');
        this.reader = new FrameReader(this.format.code, this.format.channels);
        const unknown = bytes === 0 || bytes === 0xffff_ffff;
        return { t: 'data', bytes: unknown ? Number.POSITIVE_INFINITY : bytes };
      }
      default:
        if (++this.chunks > MOST_CHUNKS) {
          throw new AudioError('malformed', `wav: more than ${MOST_CHUNKS} chunks before its data`);
        }
        return { t: 'skip', bytes: bytes + (bytes % 2) };
    }
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
