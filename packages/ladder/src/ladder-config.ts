import type { ModelConfig, SourceType } from './source-model';

/** The config blob of a ladder, version 1; see docs/ladder-format.md. */
export interface LadderConfig {
  format: 'zen.ladder/1';
  name: string;
  model: ModelConfig;
  /** TokenizerSpec of `packages/tokenizer`, as plain JSON. */
  tokenizer: unknown;
  source: LadderSource;
  /** Stage k at index k. */
  stages: LadderStage[];
  /** Lowest stage that passes `floors`. */
  minServable: number;
  floors: QualityFloors;
  tensors: LadderTensor[];
}

export interface LadderSource {
  uri: string;
  sha256: string;
  bytes: number;
  /** Hash of all dequantized tensors. */
  tensorsSha256: string;
}

export interface LadderStage {
  stage: number;
  /** Of this stage's blob alone. */
  bytes: number;
  /** Bits of all blobs up to this stage that hold linear layers, per linear weight. */
  bitsPerLinearWeight: number;
  quality: StageQuality | null;
}

/** Measured against the source model on the evaluation texts. */
export interface StageQuality {
  /** Share of tokens where both find the same token most likely. */
  top1: number;
  /** KL(source ‖ stage) in nats. */
  klMean: number;
  klP99: number;
  perplexityRatio: number;
  /** Share of greedy answers to fixed JSON prompts that parse, or null where they were not asked. */
  jsonValid: number | null;
}

export interface QualityFloors {
  /** At least. */
  top1: number;
  /** At most. */
  klMean: number;
  /** At least this share of the source model's own. */
  jsonValid: number;
}

export interface LadderTensor {
  name: string;
  /** [rows, cols]; a vector is [1, n]. */
  shape: [number, number];
  sourceType: SourceType;
  /** By stage, the first at stage 0. */
  rungs: Rung[];
}

export interface Section {
  /** Which blob. */
  stage: number;
  offset: number;
  bytes: number;
}

export interface Plane extends Section {
  width: number;
}

export interface CodedRung {
  kind: 'coded';
  stage: number;
  /** The sections are those of a coded rung of this tensor, which has the same shape and nearly the same weights. */
  like?: string;
  bits: number;
  group: number;
  planes: Plane[];
  rowScale: Section;
  groups: Section;
}

export interface ExactRung {
  kind: 'exact';
  stage: number;
  planes: Plane[];
  residual: { bits: number; planes: Plane[] } | null;
  params: Section;
  supers: Section | null;
}

export interface RawRung {
  kind: 'raw';
  stage: number;
  dtype: 'F32' | 'F16' | 'BF16';
  data: Section;
}

export type Rung = CodedRung | ExactRung | RawRung;

export const STAGES = 5;
/** Sections start at multiples of this many bytes. */
export const ALIGNMENT = 64;
export const CHUNK_BYTES = 4 * 1024 * 1024;

/** Linear layers are what bits per weight count: matrices other than the embedding, the head and routers. */
export function isLinear(name: string): boolean {
  return /^blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down)(\.\d+|_shexp)?)\.weight$/.test(name);
}

/** What decides which experts a row goes to, or how much the shared one counts: float32 at every stage. */
export function isRouter(name: string): boolean {
  return /^blk\.\d+\.ffn_gate_inp(_shexp)?\.weight$/.test(name);
}

/** The matrix of an expert that a tensor is, null for any other tensor. */
export function expertOf(name: string): { layer: number; expert: number } | null {
  const match = /^blk\.(\d+)\.ffn_(?:gate|up|down)\.(\d+)\.weight$/.exec(name);
  return match && { layer: Number(match[1]), expert: Number(match[2]) };
}

/** Every section a rung names. */
export function sectionsOf(rung: Rung): Section[] {
  switch (rung.kind) {
    case 'coded':
      return [...rung.planes, rung.rowScale, rung.groups];
    case 'exact':
      return [
        ...rung.planes,
        ...(rung.residual?.planes ?? []),
        rung.params,
        ...(rung.supers === null ? [] : [rung.supers]),
      ];
    case 'raw':
      return [rung.data];
  }
}
