import { rename, rm } from 'node:fs/promises';
import { type GGUFTypedMetadata, GGUFValueType, gguf } from '@huggingface/gguf';
import { mostExperts, type SourceModel, type SourceTensor } from '@zen/ladder';
import { checkCancelled, fileError, SourceError } from '../source-error';
import { type GgufPart, writeGguf } from './gguf-writer';
import { perturb } from './perturb';
import { Random } from './random';

export interface UpcycleOptions {
  /** Experts of every layer, or null: the dense model as it is (with fewer layers, to compare with). */
  mixture: UpcycledMixture | null;
  /** Keep only so many layers; null: all. */
  layers: number | null;
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
}

export interface UpcycledMixture {
  experts: number;
  perToken: number;
  /** Every block of an expert's weights is times 1 + perturb · normal; 0 makes copies. */
  perturb: number;
  seed: number;
}

/** GGUF's name of the mixture that divides the chosen gates by their sum. */
const MIXTURES: Readonly<Record<string, string>> = { llama: 'llama', qwen3: 'qwen3moe' };

/** Spread of the routers' weights, times the root of the width: the rows of a batch go to different experts. */
const ROUTER_SPREAD = 2;

/**
 * Makes a mixture of experts of a dense GGUF model: every feed-forward is copied into experts behind a router of random
 * weights. With copies the mixture answers as the dense model does, up to rounding, whichever experts are chosen.
 * The tensors keep their types and, where nothing is perturbed, their bytes. Returns the file's size.
 */
export async function upcycle(source: SourceModel, path: string, options: UpcycleOptions): Promise<number> {
  const { mixture, signal } = options;
  const metadata = await metadataOf(source, options);
  const layers = options.layers ?? source.config.layers;
  const random = new Random(mixture?.seed ?? 0);
  const tensors: GgufPart[] = [];
  for (const tensor of source.tensors) {
    const layer = /^blk\.(\d+)\./.exec(tensor.name)?.[1];
    if (layer !== undefined && Number(layer) >= layers) continue;
    if (mixture === null) tensors.push(plain(tensor));
    else if (/\.ffn_(gate|up|down)\.weight$/.test(tensor.name)) tensors.push(copies(tensor, mixture, random));
    else tensors.push(plain(tensor));
    if (mixture !== null && tensor.name.endsWith('.ffn_norm.weight')) {
      tensors.push(router(tensor, mixture.experts, random));
    }
  }
  const part = `${path}.${process.pid}.part`;
  try {
    const bytes = await writeGguf(part, metadata, tensors, (done, total) => {
      checkCancelled(signal, path);
      options.progress(done, total);
    });
    await rename(part, path);
    return bytes;
  } catch (error) {
    await rm(part, { force: true });
    throw fileError(error, path);
  }
}

/** The source's own metadata, with what makes it a mixture. */
async function metadataOf(
  source: SourceModel,
  { mixture, layers }: UpcycleOptions,
): Promise<GGUFTypedMetadata> {
  const refuse = (why: string) => new SourceError('unsupported', `${source.uri}: ${why}`);
  if (!source.path.endsWith('.gguf')) throw refuse('is no GGUF file; only those can be upcycled');
  if (source.config.experts) throw refuse('is a mixture of experts already');
  const { typedMetadata } = await gguf(source.path, { allowLocalFile: true, typedMetadata: true });
  const metadata = { ...typedMetadata } as Record<string, { value: unknown; type: GGUFValueType }>;
  const dense = source.config.architecture;
  const whole = (value: number) => ({ value, type: GGUFValueType.UINT32 });
  if (layers !== null) {
    if (!Number.isInteger(layers) || layers < 1 || layers > source.config.layers) {
      throw refuse(`layers is ${layers}, must be a whole number from 1 to ${source.config.layers}`);
    }
    metadata[`${dense}.block_count`] = whole(layers);
  }
  if (mixture === null) return metadata as unknown as GGUFTypedMetadata;
  const name = MIXTURES[dense];
  if (name === undefined) throw refuse(`${dense} has no mixture with normalized gates; usable: llama, qwen3`);
  const { experts, perToken } = mixture;
  const most = mostExperts(layers ?? source.config.layers);
  if (!Number.isInteger(experts) || experts < 2 || experts > most) {
    throw refuse(`experts is ${experts}, must be a whole number from 2 to ${most}`);
  }
  if (!Number.isInteger(perToken) || perToken < 1 || perToken > Math.min(experts, 64)) {
    throw refuse(`perToken is ${perToken}, must be a whole number from 1 to ${Math.min(experts, 64)}`);
  }
  if (!(mixture.perturb >= 0 && mixture.perturb <= 1)) {
    throw refuse(`perturb is ${mixture.perturb}, must be from 0 to 1`);
  }
  const renamed = Object.entries(metadata).map(([key, entry]) => [
    key.startsWith(`${dense}.`) ? `${name}.${key.slice(dense.length + 1)}` : key,
    entry,
  ]);
  return {
    ...Object.fromEntries(renamed),
    'general.architecture': { value: name, type: GGUFValueType.STRING },
    [`${name}.expert_count`]: whole(experts),
    [`${name}.expert_used_count`]: whole(perToken),
    [`${name}.expert_feed_forward_length`]: whole(source.config.ffnSize),
  } as GGUFTypedMetadata;
}

function plain(tensor: SourceTensor): GgufPart {
  const [rows, cols] = tensor.shape;
  return {
    name: tensor.name,
    shape: rows === 1 ? [cols] : [rows, cols],
    type: tensor.type,
    async *parts() {
      yield await tensor.bytes();
    },
  };
}

function copies(tensor: SourceTensor, mixture: UpcycledMixture, random: Random): GgufPart {
  return {
    name: tensor.name.replace('.weight', '_exps.weight'),
    shape: [mixture.experts, ...tensor.shape],
    type: tensor.type,
    async *parts() {
      const bytes = await tensor.bytes();
      for (let expert = 0; expert < mixture.experts; expert++) {
        yield mixture.perturb === 0 ? bytes : perturb(tensor.type, bytes, mixture.perturb, random);
      }
    },
  };
}

function router(norm: SourceTensor, experts: number, random: Random): GgufPart {
  const hidden = norm.shape[1];
  const size = ROUTER_SPREAD / Math.sqrt(hidden);
  return {
    name: norm.name.replace('ffn_norm', 'ffn_gate_inp'),
    shape: [experts, hidden],
    type: 'F32',
    async *parts() {
      const weights = Float32Array.from({ length: experts * hidden }, () => size * random.normal());
      yield new Uint8Array(weights.buffer);
    },
  };
}
