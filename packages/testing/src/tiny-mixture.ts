import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ExpertShape,
  isRouter,
  type ModelConfig,
  modelTensors,
  type OpenLadder,
  type SourceModel,
  type SourceTensor,
} from '@zen/ladder';
import { packPlainly } from './pack-plainly';

export interface TinyMixtureOptions {
  /** `qwen2` has biases, `qwen3` norms of queries and keys. */
  architecture?: ModelConfig['architecture'];
  /** 4 experts, 2 for a token, gates normalized, no shared one, where nothing else is said. */
  experts?: Partial<ExpertShape>;
  layers?: number;
  /** Multiples of 64. An expert has 3 · hiddenSize · ffnSize weights. */
  hiddenSize?: number;
  ffnSize?: number;
  /** Of the matrices; `F32` makes a ladder whose rows cross the wire as float32. */
  type?: 'Q4_1' | 'Q8_0' | 'F32';
  seed?: number;
}

/** Each row of a Q4_1 and a Q8_0 block of 32 weights of this many bytes. */
const BLOCK_BYTES = { Q4_1: 20, Q8_0: 34 };

/** A mixture of experts with random weights and a real tokenizer of 514 tokens, unpacked. */
export function tinyMixtureSource(options: TinyMixtureOptions = {}): SourceModel {
  const hiddenSize = options.hiddenSize ?? 64;
  const architecture = options.architecture ?? 'llama';
  const config: ModelConfig = {
    architecture,
    layers: options.layers ?? 2,
    hiddenSize,
    heads: hiddenSize / 32,
    kvHeads: hiddenSize / 64,
    headSize: 32,
    ffnSize: options.ffnSize ?? 64,
    vocabSize: 514,
    contextTokens: 2048,
    ropeTheta: 10_000,
    rmsEps: 1e-5,
    tiedEmbeddings: true,
    ropeStyle: architecture === 'llama' ? 'interleaved' : 'half',
    experts: { count: 4, perToken: 2, normalized: true, sharedFfnSize: 0, ...options.experts },
  };
  const random = generator(options.seed ?? 1);
  const tensors: SourceTensor[] = [];
  for (const [name, { shape, needed }] of modelTensors(config)) {
    if (!needed) continue;
    const [rows, cols] = shape;
    const type = rows === 1 || isRouter(name) ? 'F32' : (options.type ?? 'Q4_1');
    const data =
      type === 'F32'
        ? floats(rows * cols, /norm/.test(name) ? 1 : 0, rows === 1 ? 0.3 : 2 / Math.sqrt(cols), random)
        : blocks(type, (rows * cols) / 32, cols, random);
    tensors.push({ name, shape, type, bytes: async () => data });
  }
  return {
    name: 'tiny-mixture',
    uri: 'file:///tiny-mixture',
    sha256: String(options.seed ?? 1).padStart(64, '0'),
    path: '/tiny-mixture',
    bytes: 1,
    config,
    tokenizer: smallTokenizer(),
    tensors,
    close: async () => {},
  };
}

/** Packs it by plain rounding into `folder`; half a second at the smallest size. */
export function packTinyMixture(folder: string, options: TinyMixtureOptions = {}): Promise<OpenLadder> {
  return packPlainly(tinyMixtureSource(options), folder, 64);
}

function smallTokenizer(): unknown {
  const path = join(__dirname, '../../tokenizer/fixtures/small-smollm.json');
  return {
    tokenizerJson: JSON.parse(readFileSync(path, 'utf8')).tokenizerJson,
    chatTemplate:
      "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    bosId: 1,
    eosId: 2,
    endIds: [2],
    addBos: false,
  };
}

/** Uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
}

function floats(count: number, mean: number, size: number, random: () => number): Uint8Array {
  const values = Float32Array.from({ length: count }, () => mean + size * (2 * random() - 1));
  return new Uint8Array(values.buffer);
}

/** Random codes around zero, with a scale (a power of two) that keeps the size of what goes through. */
function blocks(type: 'Q4_1' | 'Q8_0', count: number, cols: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(count * BLOCK_BYTES[type]);
  const view = new DataView(bytes.buffer);
  const wide = type === 'Q8_0';
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(256 * random());
  for (let block = 0; block < count; block++) {
    const at = block * BLOCK_BYTES[type];
    // Codes spread by 4.6 (of 4 bits) or 74 (of 8); half of the blocks have the next smaller scale.
    const exponent = -Math.round(Math.log2((wide ? 74 : 4.6) * Math.sqrt(cols))) - Math.floor(2 * random());
    view.setUint16(at, (exponent + 15) << 10, true);
    // −7.5 scales: the middle of the codes.
    if (!wide) view.setUint16(at + 2, 0x8000 | ((exponent + 2 + 15) << 10) | 896, true);
  }
  return bytes;
}
