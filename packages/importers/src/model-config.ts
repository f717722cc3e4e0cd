import type { ModelConfig } from '@zen/ladder';
import { SourceError } from './source-error';

type Counts = Exclude<
  keyof ModelConfig,
  'architecture' | 'ropeTheta' | 'rmsEps' | 'tiedEmbeddings' | 'ropeStyle'
>;

/** Far above any model that fits a machine, far below what would overflow a product of two. */
const LIMITS: Readonly<Record<Counts, number>> = {
  layers: 1_024,
  hiddenSize: 65_536,
  heads: 1_024,
  kvHeads: 1_024,
  headSize: 1_024,
  ffnSize: 1_048_576,
  vocabSize: 1_048_576,
  contextTokens: 16_777_216,
};

/** Returns the configuration if its numbers can belong together; the error names the field and the limit. */
export function checkModelConfig(config: ModelConfig, path: string): ModelConfig {
  const bad = (why: string) => new SourceError('bad-format', `${path}: ${why}`);
  for (const [field, limit] of Object.entries(LIMITS) as [Counts, number][]) {
    const value = config[field];
    if (!Number.isSafeInteger(value) || value < 1 || value > limit) {
      throw bad(`${field} is ${value}, must be a whole number from 1 to ${limit}`);
    }
  }
  if (config.heads % config.kvHeads !== 0) {
    throw bad(`heads ${config.heads} must be a multiple of kvHeads ${config.kvHeads}`);
  }
  if (config.headSize % 2 !== 0) throw bad(`headSize ${config.headSize} must be even`);
  if (!(config.ropeTheta > 0 && Number.isFinite(config.ropeTheta)))
    throw bad(`ropeTheta is ${config.ropeTheta}`);
  if (!(config.rmsEps > 0 && config.rmsEps < 1)) throw bad(`rmsEps is ${config.rmsEps}, must be in (0, 1)`);
  return config;
}

/** Shape of every tensor that the graph of a model needs, [rows, cols], under GGUF names. */
export function requiredTensors(config: ModelConfig): Map<string, [number, number]> {
  const { hiddenSize, ffnSize, headSize, vocabSize } = config;
  const queries = config.heads * headSize;
  const keys = config.kvHeads * headSize;
  const shapes = new Map<string, [number, number]>([
    ['token_embd.weight', [vocabSize, hiddenSize]],
    ['output_norm.weight', [1, hiddenSize]],
  ]);
  if (!config.tiedEmbeddings) shapes.set('output.weight', [vocabSize, hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    const set = (name: string, rows: number, cols: number) =>
      shapes.set(`blk.${layer}.${name}`, [rows, cols]);
    set('attn_norm.weight', 1, hiddenSize);
    set('attn_q.weight', queries, hiddenSize);
    set('attn_k.weight', keys, hiddenSize);
    set('attn_v.weight', keys, hiddenSize);
    set('attn_output.weight', hiddenSize, queries);
    set('ffn_norm.weight', 1, hiddenSize);
    set('ffn_gate.weight', ffnSize, hiddenSize);
    set('ffn_up.weight', ffnSize, hiddenSize);
    set('ffn_down.weight', hiddenSize, ffnSize);
    if (config.architecture === 'qwen2') {
      set('attn_q.bias', 1, queries);
      set('attn_k.bias', 1, keys);
      set('attn_v.bias', 1, keys);
    }
    if (config.architecture === 'qwen3') {
      set('attn_q_norm.weight', 1, headSize);
      set('attn_k_norm.weight', 1, headSize);
    }
  }
  return shapes;
}

/** Checks that the tensors are exactly those the graph needs, each in its shape. */
export function checkTensors(
  config: ModelConfig,
  tensors: readonly { name: string; shape: [number, number] }[],
  path: string,
): void {
  const required = requiredTensors(config);
  for (const { name, shape } of tensors) {
    const [rows, cols] = required.get(name) ?? [0, 0];
    if (rows === 0) {
      throw new SourceError(
        'unsupported',
        `${path}: tensor ${name} has no place in a ${config.architecture} model`,
      );
    }
    if (shape[0] !== rows || shape[1] !== cols) {
      throw new SourceError(
        'bad-format',
        `${path}: tensor ${name} is ${shape.join(' × ')}, must be ${rows} × ${cols}`,
      );
    }
    required.delete(name);
  }
  const [missing] = required.keys();
  if (missing) throw new SourceError('bad-format', `${path}: tensor ${missing} is missing`);
}
