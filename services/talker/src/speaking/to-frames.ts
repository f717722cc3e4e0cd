import type { AudioFrame } from '@zen/contracts';

const FRAME_MS = 80;

/** Samples of a frame at that rate: 80 ms, or as little less as makes them whole. */
export function frameSamples(sampleRate: number): number {
  return Math.floor((sampleRate * FRAME_MS) / 1000);
}

/** A clause's samples (-1 to 1; what is beyond is clipped) as frames of 16-bit PCM, the first at `position`. */
export function* toFrames(
  samples: Float32Array,
  sampleRate: number,
  position: number,
  clause: number,
): Generator<AudioFrame> {
  const length = frameSamples(sampleRate);
  for (let at = 0; at < samples.length; at += length) {
    const part = samples.subarray(at, at + length);
    const pcm = Buffer.allocUnsafe(2 * part.length);
    part.forEach((value, i) => {
      pcm.writeInt16LE(Math.round(32_767 * Math.max(-1, Math.min(1, value))), 2 * i);
    });
    yield { pcm, position: BigInt(position + at), clause };
  }
}
