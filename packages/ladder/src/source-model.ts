/** Numbers that fix a model's graph; the same names as in the ladder's config. */
export interface ModelConfig {
  architecture: 'llama' | 'qwen2' | 'qwen3';
  layers: number;
  hiddenSize: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  ffnSize: number;
  vocabSize: number;
  contextTokens: number;
  ropeTheta: number;
  rmsEps: number;
  tiedEmbeddings: boolean;
  /** `interleaved` rotates neighbours (GGUF llama); `half` rotates i with i + headSize/2. */
  ropeStyle: 'interleaved' | 'half';
  /** A mixture of experts in place of every layer's feed-forward, whose width `ffnSize` is then; absent: dense. */
  experts?: ExpertShape;
}

/**
 * Of every layer. The router's softmax is over all experts in float32; the `perToken` largest are taken (of equals
 * the lowest number), their outputs times their gates are added by ascending number, the shared expert's last.
 */
export interface ExpertShape {
  /** 2 to 1,024. */
  count: number;
  /** 1 to min(count, 64). */
  perToken: number;
  /** Divide the chosen gates by their sum (Mixtral always, Qwen by `norm_topk_prob`). */
  normalized: boolean;
  /** Width of the expert that every token passes, times the sigmoid of its own gate (Qwen2-MoE); 0 for none. */
  sharedFfnSize: number;
}

export const SOURCE_TYPES = [
  'F32',
  'F16',
  'BF16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q4_K',
  'Q5_K',
  'Q6_K',
] as const;
export type SourceType = (typeof SOURCE_TYPES)[number];

/** One tensor of a source, under its GGUF name. */
export interface SourceTensor {
  name: string;
  /** [rows, cols]; a vector is [1, n]. Rows are the matrix's outputs. */
  shape: [number, number];
  type: SourceType;
  /** The source's own bytes, row-major, in GGUF block layout for quantized types. */
  bytes(): Promise<Uint8Array>;
}

/** The port through which the pack tool reads any model; `packages/importers` implements it. */
export interface SourceModel {
  name: string;
  /** Where it came from, for the manifest. */
  uri: string;
  sha256: string;
  /** The local file or folder that it is read from. */
  path: string;
  bytes: number;
  config: ModelConfig;
  /** A TokenizerSpec of `packages/tokenizer`, kept as plain JSON here. */
  tokenizer: unknown;
  tensors: SourceTensor[];
  close(): Promise<void>;
}
