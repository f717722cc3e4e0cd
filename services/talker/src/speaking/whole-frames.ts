import type { SpokenClause } from '@zen/speech';

/**
 * A clause's parts cut anew, so that each but its last is whole frames: what is left over goes to the next part. A part
 * that is too short for a frame comes with the next one.
 */
export async function* wholeFrames(
  parts: AsyncIterable<SpokenClause>,
  frameSamples: number,
): AsyncGenerator<SpokenClause> {
  let rest = new Float32Array(0);
  let computeUs = 0;
  for await (const part of parts) {
    const samples = joined(rest, part.samples);
    const whole = part.isLast ? samples.length : samples.length - (samples.length % frameSamples);
    rest = samples.slice(whole);
    computeUs += part.computeUs;
    if (whole === 0 && !part.isLast) continue;
    yield { ...part, samples: samples.subarray(0, whole), computeUs };
    computeUs = 0;
  }
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  if (first.length === 0) return second;
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
