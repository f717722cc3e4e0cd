import { type DeltaContent, type DeltaModel, moduleShape, toHalf } from '@zen/deltas';

export const BASE = `sha256:${'ab'.repeat(32)}`;

export interface SampleOptions {
  seed: number;
  /** Its data have 2 bytes for each of `hidden` outputs of each layer. */
  hidden?: number;
  layers?: number;
}

/** A random delta of a model of these sizes. */
export function sampleDelta({ seed, hidden = 64, layers = 2 }: SampleOptions): DeltaContent {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const model: DeltaModel = { layers, hidden, ffn: hidden, heads: 1, kvHeads: 1, headSize: 16 };
  const { out } = moduleShape(model, 'down');
  // Large samples repeat themselves: a test that computes for seconds does not answer its server's pings.
  const tile = Uint16Array.from({ length: 4096 }, () => toHalf((next() % 1000) / 1000 + 0.1));
  const v = new Uint16Array(layers * out);
  for (let at = 0; at < v.length; at += tile.length) v.set(tile.subarray(0, v.length - at), at);
  return {
    base: BASE,
    recipe: 'vec',
    model,
    parts: [
      { module: 'down', form: 'vec', layers: Int32Array.from({ length: layers }, (_, layer) => layer), v },
    ],
  };
}
