import type { AudioDecoder, Pieces, SampleSource } from './audio-decoder';
import { AudioError } from './audio-error';
import type { AudioFormat, DecodeLimits } from './audio-format';
import { ContainerSource } from './container-source';
import { rawSource } from './raw-source';
import { Resampler } from './resampler';

/** What few bytes may hold before the ratio is looked at, seconds: silence is small in every good encoding. */
const FREE_SECONDS = 60;
/** The least that a second of honest audio has, bytes: Opus at its lowest, half of it silence. */
const LEAST_BYTES_PER_SECOND = 100;

/**
 * A decoder to mono at `sampleRate`. The audio it takes has 2 channels and `limits.maxSeconds` at most.
 * @throws AudioError unsupported for a raw format with another rate or number of channels
 */
export function openDecoder(format: AudioFormat, sampleRate: number, limits: DecodeLimits): AudioDecoder {
  const source = format.kind === 'raw' ? rawSource(format) : new ContainerSource();
  return new ResampledDecoder(source, sampleRate, limits);
}

class ResampledDecoder implements AudioDecoder {
  private resampler: Resampler | undefined;
  private bytes = 0;
  private samples = 0;

  constructor(
    private readonly source: SampleSource,
    private readonly sampleRate: number,
    private readonly limits: DecodeLimits,
  ) {}

  *push(bytes: Uint8Array): Pieces & Generator<Float32Array> {
    this.bytes += bytes.length;
    yield* this.resampled(this.source.push(bytes));
  }

  *end(): Pieces & Generator<Float32Array> {
    yield* this.resampled(this.source.end());
    const last = this.resampler?.end();
    if (last && last.length > 0) yield last;
  }

  close(): void {
    this.source.close();
  }

  private *resampled(pieces: Pieces): Generator<Float32Array> {
    for (const piece of pieces) {
      this.samples += piece.length;
      this.checkLength();
      this.resampler ??= new Resampler(this.source.sampleRate, this.sampleRate);
      const out = this.resampler.push(piece);
      if (out.length > 0) yield out;
    }
  }

  private checkLength(): void {
    const seconds = this.samples / this.source.sampleRate;
    const { maxSeconds } = this.limits;
    if (seconds > maxSeconds) throw new AudioError('too_long', `audio: longer than ${maxSeconds} seconds`);
    if (seconds <= FREE_SECONDS + this.bytes / LEAST_BYTES_PER_SECOND) return;
    const message = `audio: fewer than ${LEAST_BYTES_PER_SECOND} bytes for each second`;
    throw new AudioError('too_long', message);
  }
}
