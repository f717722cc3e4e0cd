import type { SampleSource } from './audio-decoder';
import { AudioError } from './audio-error';
import { ByteQueue } from './byte-queue';
import { MP3_INPUT_BYTES, Mp3Module } from './mp3-module';
import { ID3_HEAD_BYTES, id3v2Bytes, infoOf, withoutId3v1 } from './mp3-tags';

/** Between two frames; what has more is no MP3. */
const MOST_JUNK_BYTES = 256 * 1024;

/**
 * MPEG layer III, versions 1, 2 and 2.5. Damaged frames are jumped over. The silence that the encoder says it added
 * is taken away again, so that the audio is as long as it was.
 */
export class Mp3Source implements SampleSource {
  sampleRate = 0;
  private readonly queue = new ByteQueue();
  private readonly module = new Mp3Module();
  private tagBytes = 0;
  private started = false;
  private frames = 0;
  private junk = 0;
  private toSkip = 0;
  /** Samples that may be of the padding at the end. */
  private after = 0;
  private held = new Float32Array(0);

  *push(bytes: Uint8Array): Generator<Float32Array> {
    this.queue.push(bytes);
    this.skipTags();
    while (this.started && this.queue.length >= MP3_INPUT_BYTES) yield* this.step();
  }

  *end(): Generator<Float32Array> {
    this.started = true;
    const rest = withoutId3v1(this.queue.take(this.queue.length));
    this.queue.push(rest);
    while (this.queue.length > 0) yield* this.step();
    if (this.frames === 0) throw new AudioError('malformed', 'mp3: no frame');
  }

  close(): void {}

  /** Tags before the first frame may be large: pictures. */
  private skipTags(): void {
    while (!this.started) {
      this.tagBytes -= this.queue.skip(this.tagBytes);
      if (this.tagBytes > 0 || this.queue.length < ID3_HEAD_BYTES) return;
      this.tagBytes = id3v2Bytes(this.queue.peek(ID3_HEAD_BYTES));
      this.started = this.tagBytes === 0;
    }
  }

  private *step(): Generator<Float32Array> {
    const { used, skipped, samples, rate } = this.module.decode(this.queue.peek(MP3_INPUT_BYTES));
    const taken = this.queue.take(Math.max(1, used));
    this.junk = samples.length > 0 ? skipped : this.junk + taken.length;
    if (this.junk > MOST_JUNK_BYTES) {
      throw new AudioError('malformed', `mp3: no frame within ${MOST_JUNK_BYTES} bytes`);
    }
    if (samples.length === 0) return;
    if (this.frames > 0 && rate !== this.sampleRate) {
      throw new AudioError('unsupported', `mp3: the rate changes from ${this.sampleRate} to ${rate} Hz`);
    }
    this.sampleRate = rate;
    const info = this.frames++ === 0 ? infoOf(taken.subarray(skipped)) : undefined;
    if (!info) yield* this.sound(samples);
    else if (info.padding) {
      this.toSkip = info.padding.before;
      this.after = info.padding.after;
    }
  }

  private *sound(samples: Float32Array): Generator<Float32Array> {
    const dropped = Math.min(this.toSkip, samples.length);
    this.toSkip -= dropped;
    const all = new Float32Array(this.held.length + samples.length - dropped);
    all.set(this.held);
    all.set(samples.subarray(dropped), this.held.length);
    const ready = Math.max(0, all.length - this.after);
    this.held = all.slice(ready);
    if (ready > 0) yield all.subarray(0, ready);
  }
}
