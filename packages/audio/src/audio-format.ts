import { AudioError } from './audio-error';

/** Samples without a container. */
export type RawEncoding = 'pcm_s16le' | 'pcm_f32le' | 'mulaw' | 'alaw';

export type AudioFormat =
  | { kind: 'raw'; encoding: RawEncoding; sampleRate: number; channels: number }
  /** Says itself what it holds: WAV, Ogg Opus, MP3. */
  | { kind: 'container' };

/** Rates of raw audio, hertz. */
export const RAW_SAMPLE_RATES: readonly number[] = [8000, 16_000, 24_000, 44_100, 48_000];

/** Rates that containers may have and that the resampler knows, hertz. */
export const SAMPLE_RATES: readonly number[] = [
  8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000,
];

export const MOST_CHANNELS = 2;

/** What a decoder puts up with. */
export interface DecodeLimits {
  /** Longest audio, seconds. */
  maxSeconds: number;
}

/** @throws AudioError unsupported */
export function checkRate(field: string, rate: number, known: readonly number[] = SAMPLE_RATES): void {
  if (known.includes(rate)) return;
  throw new AudioError('unsupported', `${field}: ${rate} Hz, not one of ${known.join(', ')}`);
}

/** @throws AudioError unsupported */
export function checkChannels(field: string, channels: number): void {
  if (Number.isInteger(channels) && channels >= 1 && channels <= MOST_CHANNELS) return;
  throw new AudioError('unsupported', `${field}: ${channels}, from 1 to ${MOST_CHANNELS}`);
}
