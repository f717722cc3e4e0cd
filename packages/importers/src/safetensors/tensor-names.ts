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
  // Mixtral's router and that of the Qwen mixtures.
  'block_sparse_moe.gate': 'ffn_gate_inp',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.shared_expert_gate': 'ffn_gate_inp_shexp',
  'mlp.shared_expert.gate_proj': 'ffn_gate_shexp',
  'mlp.shared_expert.up_proj': 'ffn_up_shexp',
  'mlp.shared_expert.down_proj': 'ffn_down_shexp',
};

/** An expert's matrices: Mixtral numbers them, Qwen names them as in a dense layer. */
const EXPERT_PARTS: Readonly<Record<string, string>> = {
  w1: 'ffn_gate',
  w3: 'ffn_up',
  w2: 'ffn_down',
  gate_proj: 'ffn_gate',
  up_proj: 'ffn_up',
  down_proj: 'ffn_down',
};

const TOP: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/**
 * GGUF name of a tensor of a Hugging Face llama, qwen2 or qwen3 model or a mixture of their experts; null for tables that are computed
 * (rotation frequencies). An unknown name comes back as it is and is refused with the graph's check.
 */
export function ggufName(name: string): string | null {
  if (name.endsWith('rotary_emb.inv_freq')) return null;
  if (Object.hasOwn(TOP, name)) return TOP[name]!;
  const expert =
    /^model\.layers\.(\d{1,4})\.(?:mlp|block_sparse_moe)\.experts\.(\d{1,4})\.(\w{2,9})\.weight$/.exec(name);
  if (expert && Object.hasOwn(EXPERT_PARTS, expert[3]!)) {
    return `blk.${Number(expert[1])}.${EXPERT_PARTS[expert[3]!]}.${Number(expert[2])}.weight`;
  }
  const match = /^model\.layers\.(\d{1,4})\.(.+)\.(weight|bias)$/.exec(name);
  const part = match && Object.hasOwn(LAYER_PARTS, match[2]!) ? LAYER_PARTS[match[2]!] : undefined;
  return match && part ? `blk.${Number(match[1])}.${part}.${match[3]}` : name;
}
