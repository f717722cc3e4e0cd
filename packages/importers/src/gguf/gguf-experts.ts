import type { ExpertShape, ModelConfig } from '@zen/ladder';
import { SourceError } from '../source-error';
import type { GgufMetadata } from './gguf-config';
import type { GgufTensor } from './gguf-header';

/**
 * What GGUF's architectures mean. llama.cpp divides the chosen gates by their sum for llama (Mixtral) and qwen3moe and
 * not for qwen2moe; a file may say so itself by `expert_weights_norm`.
 */
export const GGUF_ARCHITECTURES: Readonly<
  Record<
    string,
    { architecture: ModelConfig['architecture']; mixture: 'never' | 'maybe' | 'always'; normalized: boolean }
  >
> = {
  llama: { architecture: 'llama', mixture: 'maybe', normalized: true },
  qwen2: { architecture: 'qwen2', mixture: 'never', normalized: false },
  qwen3: { architecture: 'qwen3', mixture: 'never', normalized: false },
  qwen2moe: { architecture: 'qwen2', mixture: 'always', normalized: false },
  qwen3moe: { architecture: 'qwen3', mixture: 'always', normalized: true },
};

/** Numbers that must be absent or have one of these values: all that this graph does. */
const PLAIN: Readonly<Record<string, readonly number[]>> = {
  // Softmax; 2 is sigmoid.
  expert_gating_func: [1],
  expert_weights_scale: [0, 1],
  expert_group_count: [0, 1],
  leading_dense_block_count: [0],
  interleave_moe_layer_step: [0, 1],
  moe_every_n_layers: [0, 1],
};

/** The experts of a GGUF and their width, null for a dense model. */
export function ggufExperts(
  meta: GgufMetadata,
  name: string,
  sharedRows: number | null,
): { experts: ExpertShape; ffnSize: number } | null {
  const { mixture, normalized } = GGUF_ARCHITECTURES[name]!;
  const number = (field: string, absent: number) =>
    meta.has(`${name}.${field}`) ? meta.number(`${name}.${field}`) : absent;
  const count = number('expert_count', 0);
  if (count === 0 && mixture !== 'always') return null;
  if (mixture === 'never') {
    throw new SourceError(
      'unsupported',
      `${meta.path}: ${name}.expert_count is ${count}; ${name} has no experts`,
    );
  }
  for (const [field, usable] of Object.entries(PLAIN)) {
    const value = number(field, usable[0]!);
    if (usable.includes(value)) continue;
    throw new SourceError(
      'unsupported',
      `${meta.path}: ${name}.${field} is ${value}; usable: ${usable.join(', ')}`,
    );
  }
  const perToken = number('expert_used_count', 0);
  const dense = number('feed_forward_length', 0);
  return {
    experts: {
      count,
      perToken,
      normalized: meta.flag(`${name}.expert_weights_norm`, normalized),
      sharedFfnSize: number('expert_shared_feed_forward_length', sharedRows ?? 0),
    },
    ffnSize: number('expert_feed_forward_length', 0) || (mixture === 'maybe' ? dense : dense / perToken),
  };
}

/** Whether a tensor holds one matrix for each expert, one after the other. */
export function isStacked(name: string): boolean {
  return /^blk\.\d+\.ffn_(gate|up|down)_exps\.weight$/.test(name);
}

/** Every expert's own part of what is stacked; nothing is copied. */
export function splitExperts(tensors: readonly GgufTensor[], count: number, path: string): GgufTensor[] {
  return tensors.flatMap((tensor) => {
    if (!isStacked(tensor.name)) return tensor;
    if (tensor.stack !== count) {
      throw new SourceError(
        'bad-format',
        `${path}: tensor ${tensor.name} has ${tensor.stack} experts, must have ${count}`,
      );
    }
    return Array.from({ length: count }, (_, expert) => ({
      ...tensor,
      name: tensor.name.replace('_exps.', `.${expert}.`),
      offset: tensor.offset + expert * tensor.bytes,
      stack: 1,
    }));
  });
}
