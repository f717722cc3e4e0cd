import { join } from 'node:path';

/** Codes and stored scales of a coded rung, row-major; see docs/ladder-format.md. */
export interface CodedTensor {
  codes: Uint8Array;
  /** f16 bits, one per row. */
  rowScale: Uint16Array;
  /** [rows, groups] */
  scale: Uint8Array;
  zero: Uint8Array;
  /** Codes that had to differ from the best one so that the source's code stays decodable. */
  bent: number;
}

/** Where a coded rung lies, as views of its mapped sections. */
export interface CodedSections {
  planes: Uint8Array[];
  widths: number[];
  rowScale: Uint8Array;
  groups: Uint8Array;
  group: number;
}

/** What the float32 reference needs of a model's configuration. */
export interface ReferenceShape {
  hiddenSize: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  ffnSize: number;
  vocabSize: number;
  ropeTheta: number;
  rmsEps: number;
  ropeStyle: 'interleaved' | 'half';
}

export interface ReferenceRouting {
  /** [tokens][hidden]: the normalized input of router and experts. */
  hidden: Float32Array;
  /** [tokens][perToken], ascending in a row. */
  experts: Int32Array;
  /** Of each of them. */
  gates: Float32Array;
  /** [tokens]: what the shared expert counts; empty without one. */
  shared: Float32Array;
}

/**
 * The packing and measuring half of the addon, with the names of `native/quant/quant_addon.h`. Everything that
 * takes long runs off the event loop. Matrices are row-major.
 */
export interface NativeQuant {
  /** Threads that one call may use, 1 to 256. */
  setThreads(threads: number): void;
  /** Exact float32 values of a source tensor. */
  dequantize(type: string, bytes: Uint8Array, rows: number, cols: number): Promise<Float32Array>;
  sourceCodes(type: string, bytes: Uint8Array, rows: number, cols: number): Promise<Uint8Array>;
  /**
   * Codes `weights`. `hessian`: [cols, cols] sums of x·xᵀ, or null for plain rounding. `type` and `bytes`: the
   * source's blocks where a residual of `residualBits` will be laid over the rung, else null. Null where no
   * scale keeps every source code decodable with so few bits; with all of a code's bits there always is one.
   */
  quantize(
    weights: Float32Array,
    rows: number,
    cols: number,
    hessian: Float32Array | null,
    type: string | null,
    bytes: Uint8Array | null,
    residualBits: number,
    bits: number,
    group: number,
    actOrder: boolean,
    damping: number,
    rounds: number,
  ): Promise<CodedTensor | null>;
  /** Best scales for given codes. */
  fitScales(
    weights: Float32Array,
    codes: Uint8Array,
    rows: number,
    cols: number,
    bits: number,
    group: number,
    columnWeight: Float32Array | null,
  ): Promise<CodedTensor>;
  /** The plane of bits `shift` to `shift + width − 1`. */
  packPlane(codes: Uint8Array, rows: number, cols: number, shift: number, width: number): Promise<Uint8Array>;
  packScales(
    rowScale: Uint16Array,
    scale: Uint8Array,
    zero: Uint8Array,
    rows: number,
    cols: number,
    group: number,
  ): { rowScale: Uint8Array; groups: Uint8Array };
  packParams(
    type: string,
    bytes: Uint8Array,
    rows: number,
    cols: number,
  ): { params: Uint8Array; supers: Uint8Array | null };
  decodeCoded(coded: CodedSections, rows: number, cols: number): Promise<Float32Array>;
  /** `base`: the coded rung that a residual lies over, or null where the planes hold whole codes. */
  decodeExact(
    type: string,
    planes: Uint8Array[],
    widths: number[],
    params: Uint8Array,
    supers: Uint8Array | null,
    base: CodedSections | null,
    rows: number,
    cols: number,
  ): Promise<Float32Array>;
  /** A coded rung as codes, scales and offsets: value = scale·code + offset per row and group. */
  unpackCoded(
    coded: CodedSections,
    rows: number,
    cols: number,
  ): Promise<{ codes: Uint8Array; scale: Float32Array; offset: Float32Array }>;
  /**
   * Trained scales over the codes of `base`, as sections. Groups keep the old ones where the residual (`type`,
   * planes, parameters; null and empty where there is none) could no longer restore a source code.
   */
  storeTrained(
    base: CodedSections,
    type: string | null,
    planes: Uint8Array[],
    widths: number[],
    params: Uint8Array | null,
    supers: Uint8Array | null,
    scale: Float32Array,
    offset: Float32Array,
    rows: number,
    cols: number,
  ): Promise<{ rowScale: Uint8Array; groups: Uint8Array; kept: number }>;
  /**
   * One layer of the float32 reference; changes `x` ([tokens, hidden]) in place. `weights`: attn_norm, q, k, v,
   * output, ffn_norm, gate, up, down, biases of q, k, v, q_norm, k_norm. `hessians`: sums to add to for the
   * inputs of attention, attn_output, ffn and ffn_down.
   */
  referenceLayer(
    shape: ReferenceShape,
    weights: (Float32Array | null)[],
    lengths: Int32Array,
    x: Float32Array,
    hessians: (Float32Array | null)[] | null,
  ): Promise<void>;
  /** The attention half of a layer alone: as `referenceLayer`, with null for ffn_norm, gate, up and down. */
  referenceAttention(
    shape: ReferenceShape,
    weights: (Float32Array | null)[],
    lengths: Int32Array,
    x: Float32Array,
    hessians: (Float32Array | null)[] | null,
  ): Promise<void>;
  /** Where a mixture's rows go. `router` is [count, hidden]; `sharedGate` [hidden], null without a shared expert. */
  referenceRoute(
    shape: ReferenceShape,
    experts: { count: number; perToken: number; normalized: boolean },
    norm: Float32Array,
    router: Float32Array,
    sharedGate: Float32Array | null,
    x: Float32Array,
    tokens: number,
  ): Promise<ReferenceRouting>;
  /**
   * silu(gate)·up → down of `count` rows [hidden]; `weights` are gate, up and down. `hessians`: sums to add to for
   * the inputs of gate and up, and of down.
   */
  referenceExpert(
    weights: Float32Array[],
    hidden: number,
    ffn: number,
    rows: Float32Array,
    count: number,
    hessians: (Float32Array | null)[] | null,
  ): Promise<Float32Array>;
  /** Logits [tokens, vocab]. */
  referenceHead(
    shape: ReferenceShape,
    norm: Float32Array,
    head: Float32Array,
    x: Float32Array,
    tokens: number,
  ): Promise<Float32Array>;
  /** Adds x·xᵀ of the head's input, the normalized last hidden states, to `hessian` in place. */
  addHeadInput(
    shape: ReferenceShape,
    norm: Float32Array,
    x: Float32Array,
    tokens: number,
    hessian: Float32Array,
  ): Promise<void>;
  /** Per token: KL(reference ‖ test), −ln p of the target in reference and test (NaN without one: −1), same top. */
  compareLogits(
    reference: Float32Array,
    test: Float32Array,
    targets: Int32Array,
    vocab: number,
  ): Promise<Float32Array>;
  /** Product of `a` [rows, inner] and `b` [inner, cols]. */
  multiply(
    a: Float32Array,
    b: Float32Array,
    rows: number,
    inner: number,
    cols: number,
  ): Promise<Float32Array>;
}

/** Loads the addon's packing half. */
export function loadQuant(path = join(__dirname, '../native/build/zen_engine.node')): NativeQuant {
  const addon = require(path) as { quant: NativeQuant };
  return addon.quant;
}
