import { DeltaError, type RowOrder, type TensorFile } from '@zen/deltas';
import type { DenseReader } from '@zen/ladder';

const PARTS: readonly [RegExp, string][] = [
  [/^token_embd\./, 'model.embed_tokens.'],
  [/^output_norm\./, 'model.norm.'],
  [/^output\./, 'lm_head.'],
  [/^blk\.(\d+)\./, 'model.layers.$1.'],
  [/attn_norm\./, 'input_layernorm.'],
  [/ffn_norm\./, 'post_attention_layernorm.'],
  [/attn_output\./, 'self_attn.o_proj.'],
  [/attn_([qk])_norm\./, 'self_attn.$1_norm.'],
  [/attn_([qkv])\./, 'self_attn.$1_proj.'],
  [/ffn_(gate|up|down)\./, 'mlp.$1_proj.'],
];

const hfTensor = (name: string) => PARTS.reduce((text, [from, to]) => text.replace(from, to), name);

/**
 * A fine-tuned model in one safetensors file, under Hugging Face's names (and row order) or a ladder's own (in the
 * base's order). Null for tensors that it leaves out.
 */
export function tunedFile(file: TensorFile, baseOrder: RowOrder): { read: DenseReader; order: RowOrder } {
  if (file.names.some((name) => name.startsWith('blk.'))) {
    return { read: (name) => file.read(name), order: baseOrder };
  }
  if (!file.names.some((name) => name.startsWith('model.layers.'))) {
    throw new DeltaError('unknown-module', 'the file has no tensor model.layers.N.… or blk.N.…');
  }
  return { read: (name) => file.read(hfTensor(name)), order: 'half' };
}
