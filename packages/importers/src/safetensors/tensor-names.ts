/** Names of the parts of a layer, Hugging Face to GGUF. */
const LAYER_PARTS: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

const TOP: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/**
 * GGUF name of a tensor of a Hugging Face llama, qwen2 or qwen3 model; null for tables that are computed
 * (rotation frequencies). An unknown name comes back as it is and is refused with the graph's check.
 */
export function ggufName(name: string): string | null {
  if (name.endsWith('rotary_emb.inv_freq')) return null;
  if (Object.hasOwn(TOP, name)) return TOP[name]!;
  const match = /^model\.layers\.(\d{1,4})\.(.+)\.(weight|bias)$/.exec(name);
  const part = match && Object.hasOwn(LAYER_PARTS, match[2]!) ? LAYER_PARTS[match[2]!] : undefined;
  return match && part ? `blk.${Number(match[1])}.${part}.${match[3]}` : name;
}
