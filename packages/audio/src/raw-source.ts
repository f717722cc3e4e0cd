import type { SampleSource } from './audio-decoder';
import {
  type AudioFormat,
  checkChannels,
  checkRate,
  RAW_SAMPLE_RATES,
  type RawEncoding,
} from './audio-format';
import { FrameReader } from './frame-reader';
import { SAMPLE_CODES, type SampleCode } from './samples';

const CODES: Record<RawEncoding, SampleCode> = {
  pcm_s16le: SAMPLE_CODES.s16,
  pcm_f32le: SAMPLE_CODES.f32,
  mulaw: SAMPLE_CODES.mulaw,
  alaw: SAMPLE_CODES.alaw,
};

/** @throws AudioError unsupported */
export function rawSource(format: Extract<AudioFormat, { kind: 'raw' }>): SampleSource {
  const { encoding, sampleRate, channels } = format;
  checkRate('format.sample_rate', sampleRate, RAW_SAMPLE_RATES);
  checkChannels('format.channels', channels);
  const reader = new FrameReader(CODES[encoding], channels);
  return {
    sampleRate,
    push: (bytes) => reader.push(bytes),
    end: () => {
      reader.end();
      return [];
    },
    close: () => {},
  };
}
