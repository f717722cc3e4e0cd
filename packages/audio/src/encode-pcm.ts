import { alawOf, mulawOf } from './g711';
import { toInt16 } from './samples';

/** Signed 16-bit little-endian. */
export function encodePcm(samples: Float32Array): Uint8Array {
  const ints = toInt16(samples);
  const bytes = new Uint8Array(2 * ints.length);
  const view = new DataView(bytes.buffer);
  ints.forEach((sample, i) => {
    view.setInt16(2 * i, sample, true);
  });
  return bytes;
}

export function encodeMulaw(samples: Float32Array): Uint8Array {
  return Uint8Array.from(toInt16(samples), mulawOf);
}

export function encodeAlaw(samples: Float32Array): Uint8Array {
  return Uint8Array.from(toInt16(samples), alawOf);
}

/** The 44 bytes before 16-bit mono PCM; `dataBytes` is absent where nobody knows yet how long it becomes. */
export function wavHeader(sampleRate: number, dataBytes?: number): Uint8Array {
  const bytes = new Uint8Array(44);
  const view = new DataView(bytes.buffer);
  const write = (at: number, text: string) => bytes.set(Buffer.from(text, 'latin1'), at);
  write(0, 'RIFF');
  view.setUint32(4, dataBytes === undefined ? 0xffff_ffff : 36 + dataBytes, true);
  write(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, 'data');
  view.setUint32(40, dataBytes ?? 0xffff_ffff, true);
  return bytes;
}
