import { Resampler, toInt16 } from '@zen/audio';

/** 16-bit samples at another rate. */
export function resampled(samples: Int16Array, from: number, to: number): Int16Array {
  if (from === to) return samples;
  const resampler = new Resampler(from, to);
  const floats = Float32Array.from(samples, (sample) => sample / 0x8000);
  const [body, rest] = [toInt16(resampler.push(floats)), toInt16(resampler.end())];
  const out = new Int16Array(body.length + rest.length);
  out.set(body);
  out.set(rest, body.length);
  return out;
}
