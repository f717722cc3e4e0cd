import { HearingError } from '../hearing-error';
import type { Ct2Weights } from './ct2-weights';

/** What the sizes of a Whisper model are. */
export interface WhisperShape {
  width: number;
  heads: number;
  encoderLayers: number;
  decoderLayers: number;
  vocabSize: number;
  /** Positions of 20 ms that are encoded at most. */
  audioPositions: number;
  /** Tokens of a window at most, prompt and all. */
  textPositions: number;
}

const MAX_LAYERS = 64;

export function whisperShape(weights: Ct2Weights): WhisperShape {
  const two = (name: string): [number, number] => {
    const [a, b, ...rest] = weights.shape(name);
    if (a === undefined || b === undefined || rest.length > 0) {
      throw new HearingError('bad-model', `model.bin: tensor ${name}: must have two dimensions`);
    }
    return [a, b];
  };
  const [vocabSize, width] = two('decoder/embeddings/weight');
  const heads = weights.integer('encoder/num_heads');
  if (heads < 1 || width % heads !== 0 || weights.integer('decoder/num_heads') !== heads) {
    throw new HearingError(
      'bad-model',
      `model.bin: encoder/num_heads: ${heads} heads of a width of ${width}`,
    );
  }
  return {
    width,
    heads,
    vocabSize,
    encoderLayers: layers(weights, 'encoder'),
    decoderLayers: layers(weights, 'decoder'),
    audioPositions: two('encoder/position_encodings/encodings')[0],
    textPositions: two('decoder/position_encodings/encodings')[0],
  };
}

function layers(weights: Ct2Weights, side: string): number {
  let count = 0;
  while (weights.has(`${side}/layer_${count}/self_attention/linear_0/weight`) && count <= MAX_LAYERS) count++;
  if (count < 1 || count > MAX_LAYERS) {
    throw new HearingError('bad-model', `model.bin: ${side}: ${count} layers, must be 1 to ${MAX_LAYERS}`);
  }
  return count;
}
