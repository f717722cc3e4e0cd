import { deltaModel, MODULES, type RowOrder, reorderRows, tensorName } from '@zen/deltas';
import { isLinear, type ModelConfig, modelTensors } from '@zen/ladder';
import type { BuildBase } from './build-base';

const MODEL: ModelConfig = {
  architecture: 'llama',
  layers: 2,
  hiddenSize: 64,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  ffnSize: 96,
  vocabSize: 64,
  contextTokens: 256,
  ropeTheta: 10_000,
  rmsEps: 1e-5,
  tiedEmbeddings: true,
  ropeStyle: 'interleaved',
};

type Weights = Map<string, Float32Array>;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

/** A model of random weights, as a base. */
export function tinyBase(): { base: BuildBase; weights: Weights } {
  const next = random(1);
  const weights: Weights = new Map();
  for (const [name, { shape, needed }] of modelTensors(MODEL)) {
    if (!needed) continue;
    const size = shape[0] === 1 ? 0.2 : 2 / Math.sqrt(shape[1]);
    const mean = shape[0] === 1 ? 1 : 0;
    weights.set(
      name,
      Float32Array.from({ length: shape[0] * shape[1] }, () => mean + size * next()),
    );
  }
  const base: BuildBase = {
    digest: `sha256:${'5'.repeat(64)}`,
    name: 'tiny',
    model: MODEL,
    tokenizer: null,
    read: async (name) => weights.get(name) ?? null,
    close: async () => {},
  };
  return { base, weights };
}

/** The same model after a change of a low rank, and a little noise, of every linear module of the layers named. */
export function tinyTuned(weights: Weights, layers = [0, 1]): Weights {
  const next = random(2);
  const tuned: Weights = new Map();
  for (const [name, values] of weights) {
    const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1]);
    if (!isLinear(name) || !layers.includes(layer)) {
      tuned.set(name, values);
      continue;
    }
    const cols = modelTensors(MODEL).get(name)!.shape[1];
    const rows = values.length / cols;
    const [u, v] = [rows, cols].map((count) => Float32Array.from({ length: 2 * count }, next)) as [
      Float32Array,
      Float32Array,
    ];
    tuned.set(
      name,
      values.map((value, at) => {
        const [i, j] = [Math.floor(at / cols), at % cols];
        const change = u[i]! * v[j]! + u[rows + i]! * v[cols + j]!;
        return value + 0.1 * change + 0.01 * next();
      }),
    );
  }
  return tuned;
}

/** Weights with the rows of q and k in another order. */
export function inOrder(weights: Weights, to: RowOrder): Weights {
  const result = new Map(weights);
  for (let layer = 0; layer < MODEL.layers; layer++) {
    for (const module of MODULES) {
      const name = tensorName(layer, module);
      const { hiddenSize } = MODEL;
      const values = reorderRows(
        weights.get(name)!,
        hiddenSize,
        module,
        deltaModel(MODEL),
        'interleaved',
        to,
      );
      result.set(name, values);
    }
  }
  return result;
}

/** Sequences of random tokens. */
export function tinyTexts(count: number, seed = 3): Int32Array[] {
  const next = random(seed);
  return Array.from({ length: count }, () =>
    Int32Array.from({ length: 40 }, () => Math.floor(((next() + 1) / 2) * MODEL.vocabSize)),
  );
}
