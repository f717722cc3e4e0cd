import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AudioFormat } from './audio-format';
import { openDecoder } from './open-decoder';

export function fixture(name: string): Buffer {
  return readFileSync(join(__dirname, '../fixtures', name));
}

export const CONTAINER: AudioFormat = { kind: 'container' };

/** All that a decoder makes of bytes that come in pieces of `cut`. */
export function decoded(
  bytes: Uint8Array,
  { format = CONTAINER, rate = 16_000, cut = 4096, maxSeconds = 60 } = {},
): Float32Array {
  const decoder = openDecoder(format, rate, { maxSeconds });
  const all: number[] = [];
  const read = (pieces: Iterable<Float32Array>) => {
    for (const piece of pieces) {
      // A second at 96 kHz.
      expect(piece.length).toBeLessThanOrEqual(96_000);
      all.push(...piece);
    }
  };
  try {
    for (let at = 0; at < bytes.length; at += cut) read(decoder.push(bytes.subarray(at, at + cut)));
    read(decoder.end());
  } finally {
    decoder.close();
  }
  return Float32Array.from(all);
}

/** Share of the power (0 to 1) that a tone of `hertz` has, its ends left out. */
export function purity(samples: Float32Array, hertz: number, rate: number): number {
  const inner = samples.subarray(Math.round(0.05 * rate), samples.length - Math.round(0.05 * rate));
  let [re, im, power] = [0, 0, 0];
  inner.forEach((sample, i) => {
    const angle = (2 * Math.PI * hertz * i) / rate;
    re += sample * Math.cos(angle);
    im += sample * Math.sin(angle);
    power += sample * sample;
  });
  return (2 * (re * re + im * im)) / (inner.length * power);
}

export function loudest(samples: Float32Array): number {
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}
