import { AudioError } from './audio-error';
import { fromAlaw, fromMulaw } from './g711';

/** How one sample is written in bytes. */
export interface SampleCode {
  bytes: number;
  /** -1 to 1. */
  read(view: DataView, at: number): number;
}

const MULAW = Float32Array.from({ length: 256 }, (_, code) => fromMulaw(code) / 0x8000);
const ALAW = Float32Array.from({ length: 256 }, (_, code) => fromAlaw(code) / 0x8000);

export const SAMPLE_CODES = {
  u8: { bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 0x80 },
  s16: { bytes: 2, read: (view, at) => view.getInt16(at, true) / 0x8000 },
  s24: {
    bytes: 3,
    read: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 0x1_0000) / 0x80_0000,
  },
  s32: { bytes: 4, read: (view, at) => view.getInt32(at, true) / 0x8000_0000 },
  f32: { bytes: 4, read: (view, at) => finite(view.getFloat32(at, true)) },
  f64: { bytes: 8, read: (view, at) => finite(view.getFloat64(at, true)) },
  mulaw: { bytes: 1, read: (view, at) => MULAW[view.getUint8(at)] as number },
  alaw: { bytes: 1, read: (view, at) => ALAW[view.getUint8(at)] as number },
} satisfies Record<string, SampleCode>;

/** No filter after it comes to rest again after a NaN. */
function finite(sample: number): number {
  if (Number.isFinite(sample)) return Math.max(-1, Math.min(1, sample));
  throw new AudioError('malformed', 'sample: not a finite number');
}

/** Whole frames of interleaved samples to their mean. `bytes` holds a whole number of frames. */
export function monoOf(bytes: Uint8Array, code: SampleCode, channels: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = bytes.length / (code.bytes * channels);
  const mono = new Float32Array(frames);
  let at = 0;
  for (let i = 0; i < frames; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      sum += code.read(view, at);
      at += code.bytes;
    }
    mono[i] = sum / channels;
  }
  return mono;
}

/** To signed 16-bit; what is beyond -1 and 1 is cut. */
export function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) =>
    Math.max(-0x8000, Math.min(0x7fff, Math.round(sample * 0x8000))),
  );
}

/** Signed 16-bit little-endian samples to -1 to 1; a last odd byte is not looked at. */
export function fromPcm(bytes: Uint8Array): Float32Array {
  return monoOf(bytes.subarray(0, bytes.length & ~1), SAMPLE_CODES.s16, 1);
}
