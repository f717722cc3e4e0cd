import type { ModelConfig } from '@zen/ladder';
import { buildSafetensors } from './build-safetensors';
import { neededTensors, smallTokenizer, tinyConfig } from './tiny-model';

const PARTS: readonly [RegExp, string][] = [
  [/^token_embd/, 'model.embed_tokens'],
  [/^output_norm/, 'model.norm'],
  [/^output\./, 'lm_head.'],
  [/^blk\.(\d+)\./, 'model.layers.$1.'],
  [/attn_norm/, 'input_layernorm'],
  [/ffn_norm/, 'post_attention_layernorm'],
  [/attn_output/, 'self_attn.o_proj'],
  [/attn_([qkv])_norm/, 'self_attn.$1_norm'],
  [/attn_([qkv])\./, 'self_attn.$1_proj.'],
  [/ffn_gate_inp_shexp/, 'mlp.shared_expert_gate'],
  [/ffn_gate_inp/, 'mlp.gate'],
  [/ffn_(gate|up|down)_shexp/, 'mlp.shared_expert.$1_proj'],
  [/ffn_(gate|up|down)\.(\d+)/, 'mlp.experts.$2.$1_proj'],
  [/ffn_(gate|up|down)/, 'mlp.$1_proj'],
];

export type TinyTensors = Record<string, { dtype: string; shape: number[]; data: Uint8Array }>;

/** Tensors of a configuration under Hugging Face names; each is filled with its number. */
export function hfTensors(config: ModelConfig): TinyTensors {
  return Object.fromEntries(
    [...neededTensors(config)].map(([name, [rows, cols]], index) => [
      PARTS.reduce((text, [from, to]) => text.replace(from, to), name),
      {
        dtype: 'BF16',
        shape: rows === 1 ? [cols] : [rows, cols],
        data: Buffer.alloc(rows * cols * 2, index + 1),
      },
    ]),
  );
}

export function hfConfigJson(config: ModelConfig): Record<string, unknown> {
  return {
    model_type: config.architecture + (config.experts ? '_moe' : ''),
    ...(config.experts && {
      num_experts: config.experts.count,
      num_experts_per_tok: config.experts.perToken,
      norm_topk_prob: config.experts.normalized,
      moe_intermediate_size: config.ffnSize,
      shared_expert_intermediate_size: config.experts.sharedFfnSize,
    }),
    num_hidden_layers: config.layers,
    hidden_size: config.hiddenSize,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headSize,
    intermediate_size: config.ffnSize,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextTokens,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.rmsEps,
    tie_word_embeddings: config.tiedEmbeddings,
    eos_token_id: [2, 0],
  };
}

/** Files of the smallest folder in the Hugging Face format, by name. */
export function tinyFolder(
  architecture: ModelConfig['architecture'],
  make = tinyConfig,
): {
  config: ModelConfig;
  files: Record<string, Buffer>;
} {
  const config: ModelConfig = { ...make(architecture, 514), ropeStyle: 'half' };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  return {
    config,
    files: {
      'config.json': json(hfConfigJson(config)),
      'tokenizer.json': json(smallTokenizer()),
      'tokenizer_config.json': json({
        eos_token: '<|im_end|>',
        bos_token: { content: '<|im_start|>' },
        chat_template: 'T',
      }),
      'model.safetensors': buildSafetensors(hfTensors(config)),
    },
  };
}
