import { AudioError } from './audio-error';
import { monoOf, type SampleCode } from './samples';

/** Frames that become one piece: at most a second at the lowest rate. */
const PIECE_FRAMES = 8000;

/** Interleaved samples in bytes that are cut anywhere, to mono. */
export class FrameReader {
  private readonly frameBytes: number;
  private rest = new Uint8Array(0);

  constructor(
    private readonly code: SampleCode,
    private readonly channels: number,
  ) {
    this.frameBytes = code.bytes * channels;
  }

  *push(bytes: Uint8Array): Generator<Float32Array> {
    const { frameBytes } = this;
    const missing = this.rest.length === 0 ? 0 : frameBytes - this.rest.length;
    const first = bytes.subarray(0, missing);
    if (missing > 0) {
      this.rest = Uint8Array.of(...this.rest, ...first);
      if (this.rest.length < frameBytes) return;
      yield monoOf(this.rest, this.code, this.channels);
    }
    const whole = bytes.length - ((bytes.length - missing) % frameBytes);
    // A copy: the caller may use its buffer again.
    this.rest = Uint8Array.from(bytes.subarray(whole));
    for (let at = missing; at < whole; at += PIECE_FRAMES * frameBytes) {
      const end = Math.min(whole, at + PIECE_FRAMES * frameBytes);
      yield monoOf(bytes.subarray(at, end), this.code, this.channels);
    }
  }

  /** @throws AudioError truncated where the last frame is not whole */
  end(): void {
    if (this.rest.length === 0) return;
    throw new AudioError(
      'truncated',
      `audio: ends ${this.rest.length} bytes into a frame of ${this.frameBytes}`,
    );
  }
}
