import { Tensor } from 'onnxruntime-node';
import type { EncodedAudio } from './whisper-model';
import type { WhisperShape } from './whisper-shape';

/** Positions of silence that the decoder sees behind the audio: 5 s, or what a window has room for. */
const SHORT = 250;
export type Tail = 'short' | 'whole';

/**
 * Puts encoded silence behind encoded audio. The decoder learnt where speech ends from windows of 30 s that are silent
 * behind it; without that it says the same again and again. Encoding the silence each time would cost a whole window,
 * and silence is the same each time. A short tail makes quicker steps, and now and then is not enough.
 *
 * @param silence a whole window whose end is silent
 */
export function withSilentTail(
  audio: EncodedAudio,
  silence: EncodedAudio,
  shape: WhisperShape,
  tail: Tail,
): EncodedAudio {
  const { positions: from } = audio;
  const to = tail === 'whole' ? silence.positions : Math.min(silence.positions, from + SHORT);
  const { heads } = shape;
  const deep = shape.width / heads;
  const values: Record<string, Tensor> = {};
  for (let layer = 0; layer < shape.decoderLayers; layer++) {
    const keys = joined(audio, silence, `k${layer}`, heads * deep, 1, to);
    values[`k${layer}`] = new Tensor('float32', keys, [heads, deep, to]);
    const rows = joined(audio, silence, `v${layer}`, heads, deep, to);
    values[`v${layer}`] = new Tensor('float32', rows, [heads, to, deep]);
  }
  return { positions: to, values };
}

/** Both are [outer, positions, inner]; of silence, the positions that follow those of the audio are taken. */
function joined(
  audio: EncodedAudio,
  silence: EncodedAudio,
  name: string,
  outer: number,
  inner: number,
  to: number,
): Float32Array {
  const from = audio.positions;
  const said = audio.values[name]!.data as Float32Array;
  const silent = silence.values[name]!.data as Float32Array;
  const all = new Float32Array(outer * to * inner);
  for (let i = 0; i < outer; i++) {
    all.set(said.subarray(i * from * inner, (i + 1) * from * inner), i * to * inner);
    const at = i * silence.positions;
    all.set(silent.subarray((at + from) * inner, (at + to) * inner), (i * to + from) * inner);
  }
  return all;
}
