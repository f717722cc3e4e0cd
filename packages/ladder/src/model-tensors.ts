import type { ModelConfig } from './source-model';

/** Most tensors of a ladder. */
export const MAX_TENSORS = 65_536;

/** Most experts that a layer may have where the model has so many layers, so that its tensors can be listed. */
export function mostExperts(layers: number): number {
  const besides = 18;
  return Math.min(1024, Math.floor((MAX_TENSORS / layers - besides) / 3));
}

/** Shapes of the tensors that a model must or may have, by GGUF name. */
export function modelTensors(model: ModelConfig): Map<string, { shape: [number, number]; needed: boolean }> {
  const { hiddenSize: h, ffnSize: f, vocabSize: v } = model;
  const q = model.heads * model.headSize;
  const k = model.kvHeads * model.headSize;
  const tensors = new Map<string, { shape: [number, number]; needed: boolean }>();
  const add = (name: string, rows: number, cols: number, needed = true) =>
    tensors.set(name, { shape: [rows, cols], needed });
  add('token_embd.weight', v, h);
  add('output_norm.weight', 1, h);
  add('output.weight', v, h, !model.tiedEmbeddings);
  for (let layer = 0; layer < model.layers; layer++) {
    const at = (name: string) => `blk.${layer}.${name}`;
    add(at('attn_norm.weight'), 1, h);
    add(at('attn_q.weight'), q, h);
    add(at('attn_k.weight'), k, h);
    add(at('attn_v.weight'), k, h);
    add(at('attn_output.weight'), h, q);
    add(at('ffn_norm.weight'), 1, h);
    if (model.experts) {
      const { count, sharedFfnSize } = model.experts;
      add(at('ffn_gate_inp.weight'), count, h);
      for (let expert = 0; expert < count; expert++) {
        add(at(`ffn_gate.${expert}.weight`), f, h);
        add(at(`ffn_up.${expert}.weight`), f, h);
        add(at(`ffn_down.${expert}.weight`), h, f);
      }
      if (sharedFfnSize > 0) {
        add(at('ffn_gate_inp_shexp.weight'), 1, h);
        add(at('ffn_gate_shexp.weight'), sharedFfnSize, h);
        add(at('ffn_up_shexp.weight'), sharedFfnSize, h);
        add(at('ffn_down_shexp.weight'), h, sharedFfnSize);
      }
    } else {
      add(at('ffn_gate.weight'), f, h);
      add(at('ffn_up.weight'), f, h);
      add(at('ffn_down.weight'), h, f);
    }
    if (model.architecture === 'qwen2') {
      add(at('attn_q.bias'), 1, q);
      add(at('attn_k.bias'), 1, k);
      add(at('attn_v.bias'), 1, k);
    }
    if (model.architecture === 'qwen3') {
      add(at('attn_q_norm.weight'), 1, model.headSize);
      add(at('attn_k_norm.weight'), 1, model.headSize);
    }
  }
  return tensors;
}
