import type { ModelConfig } from '@zen/ladder';
import { checkModelConfig } from '../model-config';
import { SourceError } from '../source-error';
import { isObject, type JsonObject } from './read-json';

/** Turns a `config.json` of the Hugging Face format into the ladder's model configuration. */
export function hfConfig(json: JsonObject, path: string): ModelConfig {
  const unsupported = (field: string, usable: string) =>
    new SourceError('unsupported', `${path}: ${field} is ${JSON.stringify(json[field])}; usable: ${usable}`);
  const number = (field: string, absent?: number): number => {
    const value = json[field] ?? absent;
    if (typeof value !== 'number') throw new SourceError('bad-format', `${path}: ${field} must be a number`);
    return value;
  };
  const { model_type: architecture } = json;
  if (architecture !== 'llama' && architecture !== 'qwen2' && architecture !== 'qwen3') {
    throw unsupported('model_type', 'llama, qwen2, qwen3');
  }
  if ((json.hidden_act ?? 'silu') !== 'silu') throw unsupported('hidden_act', 'silu');
  if (json.use_sliding_window) throw unsupported('use_sliding_window', 'false');
  if (json.mlp_bias) throw unsupported('mlp_bias', 'false');
  if (json.quantization_config) throw unsupported('quantization_config', 'none');
  // Qwen 2 has query, key and value biases whatever the field says; the others have none.
  if (architecture !== 'qwen2' && json.attention_bias) throw unsupported('attention_bias', 'false');
  const rope = ropeOf(json, path);
  const hiddenSize = number('hidden_size');
  const heads = number('num_attention_heads');
  return checkModelConfig(
    {
      architecture,
      layers: number('num_hidden_layers'),
      hiddenSize,
      heads,
      kvHeads: number('num_key_value_heads', heads),
      headSize: number('head_dim', hiddenSize / heads),
      ffnSize: number('intermediate_size'),
      vocabSize: number('vocab_size'),
      contextTokens: number('max_position_embeddings'),
      ropeTheta: rope,
      rmsEps: number('rms_norm_eps'),
      // The format's default is false for all three architectures.
      tiedEmbeddings: json.tie_word_embeddings === true,
      ropeStyle: 'half',
    },
    path,
  );
}

/** Base of the rotation; older files have it at the top, newer ones in `rope_parameters`. */
function ropeOf(json: JsonObject, path: string): number {
  for (const field of ['rope_scaling', 'rope_parameters']) {
    const value = json[field];
    if (value === null || value === undefined) continue;
    const kind = isObject(value) ? (value.rope_type ?? value.type ?? 'default') : value;
    if (kind !== 'default') {
      throw new SourceError('unsupported', `${path}: ${field} is ${JSON.stringify(kind)}; usable: default`);
    }
  }
  const inner = isObject(json.rope_parameters) ? json.rope_parameters.rope_theta : undefined;
  const theta = json.rope_theta ?? inner ?? 10_000;
  if (typeof theta !== 'number') throw new SourceError('bad-format', `${path}: rope_theta must be a number`);
  return theta;
}
