import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expertOf, isRouter, type ModelConfig, modelTensors } from '@zen/ladder';
import { tensorBytes } from '../tensor-layout';
import { buildGguf, type GgufTensorSpec, type GgufValue } from './build-gguf';

/** The smallest model of an architecture that passes all checks. */
export function tinyConfig(architecture: ModelConfig['architecture'], vocabSize: number): ModelConfig {
  return {
    architecture,
    layers: 2,
    hiddenSize: 32,
    heads: 4,
    kvHeads: 2,
    headSize: 8,
    ffnSize: 64,
    vocabSize,
    contextTokens: 128,
    ropeTheta: 10_000,
    rmsEps: 2 ** -20,
    tiedEmbeddings: true,
    ropeStyle: architecture === 'llama' ? 'interleaved' : 'half',
  };
}

/** The same with 4 experts of which a token takes 2; qwen2's have a shared one. */
export function tinyMixture(architecture: ModelConfig['architecture'], vocabSize: number): ModelConfig {
  const shared = architecture === 'qwen2';
  const experts = { count: 4, perToken: 2, normalized: !shared, sharedFfnSize: shared ? 96 : 0 };
  return { ...tinyConfig(architecture, vocabSize), experts };
}

interface SmallTokenizer {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** A vocabulary of some hundred tokens, made by the reference. */
export function smallTokenizer(): SmallTokenizer {
  const path = join(__dirname, '../../../tokenizer/fixtures/small-smollm.json');
  return JSON.parse(readFileSync(path, 'utf8')).tokenizerJson;
}

/** Metadata of a tiny GGUF; a test changes what it wants to see refused. */
export function tinyMetadata(config: ModelConfig): Record<string, GgufValue> {
  const a = config.architecture + (config.experts && config.architecture !== 'llama' ? 'moe' : '');
  const tokenizer = smallTokenizer();
  const added = new Map(tokenizer.added_tokens.map((token) => [token.id, token.content]));
  const tokens = Array.from({ length: config.vocabSize }, (_, id) => added.get(id) ?? `[unused${id}]`);
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) tokens[id] = token;
  return {
    'general.architecture': a,
    [`${a}.block_count`]: config.layers,
    [`${a}.context_length`]: config.contextTokens,
    [`${a}.embedding_length`]: config.hiddenSize,
    [`${a}.feed_forward_length`]: config.ffnSize,
    [`${a}.attention.head_count`]: config.heads,
    [`${a}.attention.head_count_kv`]: config.kvHeads,
    [`${a}.attention.layer_norm_rms_epsilon`]: { f32: config.rmsEps },
    [`${a}.rope.freq_base`]: { f32: config.ropeTheta },
    ...(config.experts && {
      [`${a}.expert_count`]: config.experts.count,
      [`${a}.expert_used_count`]: config.experts.perToken,
      [`${a}.expert_feed_forward_length`]: config.ffnSize,
    }),
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': { ids: tokens.map((_, id) => (id < 3 ? 3 : added.has(id) ? 4 : 1)) },
    'tokenizer.ggml.merges': tokenizer.model.merges.map((pair) => pair.join(' ')),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.chat_template': "{{ messages[0]['content'] }}",
  };
}

/** Shapes of the tensors that a model cannot do without, by GGUF name. */
export function neededTensors(config: ModelConfig): Map<string, [number, number]> {
  const needed = [...modelTensors(config)].filter(([, tensor]) => tensor.needed);
  return new Map(needed.map(([name, { shape }]) => [name, shape]));
}

export function tinyTensors(config: ModelConfig): GgufTensorSpec[] {
  return [...neededTensors(config)].map(([name, [rows, cols]], index) => ({
    name,
    shape: rows === 1 ? [cols] : [rows, cols],
    type: rows === 1 || isRouter(name) ? 'F32' : 'Q8_0',
    ...(rows === 1 ? { data: Buffer.alloc(cols * 4, index) } : {}),
  }));
}

/** A mixture's tensors as llama.cpp writes them: the experts' matrices stacked, each filled with its expert's number. */
export function stackedTensors(config: ModelConfig): GgufTensorSpec[] {
  const count = config.experts!.count;
  return tinyTensors(config).flatMap((tensor) => {
    const expert = expertOf(tensor.name)?.expert;
    if (expert === undefined) return tensor;
    if (expert > 0) return [];
    const [rows = 0, cols = 0] = tensor.shape;
    const bytes = tensorBytes(tensor.type!, rows, cols)!;
    const data = Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.alloc(bytes, index + 1)));
    return {
      ...tensor,
      name: tensor.name.replace('.0.weight', '_exps.weight'),
      shape: [count, rows, cols],
      data,
    };
  });
}

export function tinyGguf(architecture: ModelConfig['architecture'] = 'llama'): Buffer {
  const config = tinyConfig(architecture, 514);
  return buildGguf(tinyMetadata(config), tinyTensors(config));
}
