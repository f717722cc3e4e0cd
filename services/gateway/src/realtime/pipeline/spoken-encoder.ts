import { encodeAlaw, encodeMulaw, encodePcm, fromPcm, Resampler } from '@zen/audio';
import { type AudioCodec, SAMPLE_RATE } from '@zen/realtime';

const ENCODERS: Record<AudioCodec, (samples: Float32Array) => Uint8Array> = {
  pcm: encodePcm,
  pcmu: encodeMulaw,
  pcma: encodeAlaw,
};

/** A voice's audio as a session's client wants it. */
export class SpokenEncoder {
  private readonly resampler: Resampler | null;

  constructor(
    private readonly codec: AudioCodec,
    /** Hertz, of what comes in. */
    private readonly sampleRate: number,
  ) {
    const wanted = SAMPLE_RATE[codec];
    this.resampler = sampleRate === wanted ? null : new Resampler(sampleRate, wanted);
  }

  /** Signed 16-bit little-endian in; base64 out, empty while it waits for more. */
  push(pcm: Buffer): string {
    if (this.codec === 'pcm' && !this.resampler) return pcm.toString('base64');
    const samples = fromPcm(pcm);
    return this.encode(this.resampler ? this.resampler.push(samples) : samples);
  }

  end(): string {
    return this.resampler ? this.encode(this.resampler.end()) : '';
  }

  /** Milliseconds that a number of the voice's samples lasts. */
  ms(samples: number): number {
    return (samples / this.sampleRate) * 1000;
  }

  private encode(samples: Float32Array): string {
    const bytes = ENCODERS[this.codec](samples);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  }
}
