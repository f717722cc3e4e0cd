import type { ModelConfig } from '@zen/ladder';
import { checkModelConfig } from '../model-config';
import { SourceError } from '../source-error';
import { GGUF_ARCHITECTURES, ggufExperts } from './gguf-experts';
import type { GgufHeader } from './gguf-header';

/** Typed access to a GGUF's metadata; every error names the key. */
export class GgufMetadata {
  constructor(
    readonly path: string,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  string(key: string): string {
    const value = this.values[key];
    if (typeof value !== 'string') throw this.bad(key, 'must be a string');
    return value;
  }

  /** A number; GGUF's 64-bit integers come as bigint. */
  number(key: string): number {
    const value = this.values[key];
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) throw this.bad(key, 'must be a number');
    return number;
  }

  flag(key: string, absent: boolean): boolean {
    const value = this.values[key] ?? absent;
    if (typeof value !== 'boolean') throw this.bad(key, 'must be true or false');
    return value;
  }

  strings(key: string): string[] {
    const value = this.values[key];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.bad(key, 'must be an array of strings');
    }
    return value;
  }

  numbers(key: string): number[] {
    const value = this.values[key];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) {
      throw this.bad(key, 'must be an array of numbers');
    }
    return value;
  }

  bad(key: string, why: string): SourceError {
    return new SourceError('bad-format', `${this.path}: ${key} ${why}`);
  }
}

export function ggufConfig(header: GgufHeader, path: string): ModelConfig {
  const meta = new GgufMetadata(path, header.metadata);
  const name = meta.string('general.architecture');
  if (!Object.hasOwn(GGUF_ARCHITECTURES, name)) {
    const usable = Object.keys(GGUF_ARCHITECTURES).join(', ');
    throw new SourceError(
      'unsupported',
      `${path}: general.architecture is ${JSON.stringify(name)}; usable are ${usable}`,
    );
  }
  const { architecture } = GGUF_ARCHITECTURES[name]!;
  if (meta.has('split.count') && meta.number('split.count') > 1) {
    throw new SourceError(
      'unsupported',
      `${path}: one of ${meta.number('split.count')} parts of a split GGUF`,
    );
  }
  const field = (key: string) => meta.number(`${name}.${key}`);
  const optional = (key: string, absent: number) => (meta.has(`${name}.${key}`) ? field(key) : absent);
  const scaling = `${name}.rope.scaling.type`;
  if (meta.has(scaling) && meta.string(scaling) !== 'none') {
    throw new SourceError(
      'unsupported',
      `${path}: ${scaling} is ${meta.string(scaling)}; only none is usable`,
    );
  }
  if (header.tensors.some((tensor) => tensor.name === 'rope_freqs.weight')) {
    throw new SourceError('unsupported', `${path}: scaled rotation (rope_freqs.weight) is not usable`);
  }
  const shape = (tensorName: string) => header.tensors.find((tensor) => tensor.name === tensorName)?.shape;
  const heads = field('attention.head_count');
  const hiddenSize = field('embedding_length');
  const headSize = optional('attention.key_length', hiddenSize / heads);
  if (optional('attention.value_length', headSize) !== headSize) {
    throw new SourceError('unsupported', `${path}: keys and values of different size`);
  }
  const rotated = optional('rope.dimension_count', headSize);
  if (rotated !== headSize) {
    throw new SourceError(
      'unsupported',
      `${path}: ${name}.rope.dimension_count is ${rotated}, must be the head size ${headSize}`,
    );
  }
  const mixture = ggufExperts(meta, name, shape('blk.0.ffn_up_shexp.weight')?.[0] ?? null);
  return checkModelConfig(
    {
      architecture,
      layers: field('block_count'),
      hiddenSize,
      heads,
      kvHeads: optional('attention.head_count_kv', heads),
      headSize,
      ffnSize: mixture?.ffnSize ?? field('feed_forward_length'),
      vocabSize: shape('token_embd.weight')?.[0] ?? 0,
      contextTokens: field('context_length'),
      ropeTheta: optional('rope.freq_base', 10_000),
      rmsEps: field('attention.layer_norm_rms_epsilon'),
      tiedEmbeddings: !shape('output.weight'),
      // GGUF's llama tensors have their query and key rows reordered for interleaved rotation.
      ropeStyle: architecture === 'llama' ? 'interleaved' : 'half',
      ...(mixture && { experts: mixture.experts }),
    },
    path,
  );
}
