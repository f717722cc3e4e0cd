export type { AudioDecoder, Pieces } from './audio-decoder';
export { AudioError, type AudioFailure } from './audio-error';
export {
  type AudioFormat,
  type DecodeLimits,
  MOST_CHANNELS,
  RAW_SAMPLE_RATES,
  type RawEncoding,
  SAMPLE_RATES,
} from './audio-format';
export { encodeAudio, type OutputFormat } from './encode-audio';
export { encodeAlaw, encodeMulaw, encodePcm, wavHeader } from './encode-pcm';
export { openDecoder } from './open-decoder';
export { Resampler } from './resampler';
export { fromPcm, toInt16 } from './samples';
