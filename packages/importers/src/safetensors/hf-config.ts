import type { ExpertShape, ModelConfig } from '@zen/ladder';
import { checkModelConfig } from '../model-config';
import { SourceError } from '../source-error';
import { isObject, type JsonObject } from './read-json';

/** What model types mean; a mixture's defaults are those of the format's own classes. */
const MODEL_TYPES: Readonly<
  Record<string, { architecture: ModelConfig['architecture']; mixture: boolean; theta: number }>
> = {
  llama: { architecture: 'llama', mixture: false, theta: 10_000 },
  qwen2: { architecture: 'qwen2', mixture: false, theta: 10_000 },
  qwen3: { architecture: 'qwen3', mixture: false, theta: 10_000 },
  mixtral: { architecture: 'llama', mixture: true, theta: 1_000_000 },
  qwen2_moe: { architecture: 'qwen2', mixture: true, theta: 10_000 },
  qwen3_moe: { architecture: 'qwen3', mixture: true, theta: 10_000 },
};

/** Turns a `config.json` of the Hugging Face format into the ladder's model configuration. */
export function hfConfig(json: JsonObject, path: string): ModelConfig {
  const unsupported = (field: string, usable: string) =>
    new SourceError('unsupported', `${path}: ${field} is ${JSON.stringify(json[field])}; usable: ${usable}`);
  const number = (field: string, absent?: number): number => {
    const value = json[field] ?? absent;
    if (typeof value !== 'number') throw new SourceError('bad-format', `${path}: ${field} must be a number`);
    return value;
  };
  const { model_type: type } = json;
  if (typeof type !== 'string' || !Object.hasOwn(MODEL_TYPES, type)) {
    throw unsupported('model_type', Object.keys(MODEL_TYPES).join(', '));
  }
  const { architecture, mixture, theta } = MODEL_TYPES[type]!;
  if ((json.hidden_act ?? 'silu') !== 'silu') throw unsupported('hidden_act', 'silu');
  if (json.use_sliding_window) throw unsupported('use_sliding_window', 'false');
  if (json.mlp_bias) throw unsupported('mlp_bias', 'false');
  if (json.quantization_config) throw unsupported('quantization_config', 'none');
  // Qwen 2 has query, key and value biases whatever the field says; the others have none.
  if (architecture !== 'qwen2' && json.attention_bias) throw unsupported('attention_bias', 'false');
  // Biases of Qwen 2's queries can be left out of its mixtures.
  if ((json.qkv_bias ?? true) !== true) throw unsupported('qkv_bias', 'true');
  const rope = ropeOf(json, path, theta);
  const hiddenSize = number('hidden_size');
  const heads = number('num_attention_heads');
  const experts = mixture ? expertsOf(json, type, path) : null;
  return checkModelConfig(
    {
      architecture,
      layers: number('num_hidden_layers'),
      hiddenSize,
      heads,
      kvHeads: number('num_key_value_heads', heads),
      headSize: number('head_dim', hiddenSize / heads),
      ffnSize: number(mixture && type !== 'mixtral' ? 'moe_intermediate_size' : 'intermediate_size'),
      vocabSize: number('vocab_size'),
      contextTokens: number('max_position_embeddings'),
      ropeTheta: rope,
      rmsEps: number('rms_norm_eps'),
      // The format's default is false for all of them.
      tiedEmbeddings: json.tie_word_embeddings === true,
      ropeStyle: 'half',
      ...(experts && { experts }),
    },
    path,
  );
}

/** The experts of a mixture. Every layer must be one, and a window must not hide tokens of the context. */
function expertsOf(json: JsonObject, type: string, path: string): ExpertShape {
  const refuse = (field: string, usable: string) =>
    new SourceError('unsupported', `${path}: ${field} is ${JSON.stringify(json[field])}; usable: ${usable}`);
  if ((json.decoder_sparse_step ?? 1) !== 1)
    throw refuse('decoder_sparse_step', '1 (every layer has experts)');
  const denseLayers = json.mlp_only_layers ?? [];
  if (!Array.isArray(denseLayers) || denseLayers.length > 0) {
    throw refuse('mlp_only_layers', '[] (every layer has experts)');
  }
  if (type === 'mixtral' && json.sliding_window) throw refuse('sliding_window', 'null');
  const number = (...fields: string[]): number => {
    const value = fields.map((field) => json[field]).find((one) => one !== undefined);
    if (typeof value === 'number') return value;
    throw new SourceError('bad-format', `${path}: ${fields.join(' or ')} must be a number`);
  };
  const normalized = json.norm_topk_prob ?? false;
  if (typeof normalized !== 'boolean') {
    throw new SourceError('bad-format', `${path}: norm_topk_prob must be true or false`);
  }
  return {
    count: number('num_local_experts', 'num_experts'),
    perToken: number('num_experts_per_tok'),
    normalized: type === 'mixtral' || normalized,
    sharedFfnSize: type === 'qwen2_moe' ? number('shared_expert_intermediate_size') : 0,
  };
}

/** Base of the rotation; older files have it at the top, newer ones in `rope_parameters`. */
function ropeOf(json: JsonObject, path: string, absent: number): number {
  for (const field of ['rope_scaling', 'rope_parameters']) {
    const value = json[field];
    if (value === null || value === undefined) continue;
    const kind = isObject(value) ? (value.rope_type ?? value.type ?? 'default') : value;
    if (kind !== 'default') {
      throw new SourceError('unsupported', `${path}: ${field} is ${JSON.stringify(kind)}; usable: default`);
    }
  }
  const inner = isObject(json.rope_parameters) ? json.rope_parameters.rope_theta : undefined;
  const theta = json.rope_theta ?? inner ?? absent;
  if (typeof theta !== 'number') throw new SourceError('bad-format', `${path}: rope_theta must be a number`);
  return theta;
}
