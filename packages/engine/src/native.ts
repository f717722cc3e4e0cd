import type {
  ExpertFalls,
  ExpertFloor,
  NativeExperts,
  NativeMixture,
  OpenExpertsOptions,
  RemoteExperts,
} from './native-experts';

/**
 * The whole native surface, with the same names in the same order as `native/zen_engine.h`. `null` means none;
 * no optional property crosses the border. Lengths and ranges are checked here in TypeScript and again in C++.
 */
export interface NativeEngine {
  /** Which kernels run: `avx512`, `avx2`, `neon` or `scalar`. */
  kernels(): string;
  /** Opens a ladder's config; no stage is attached yet. Throws an EngineError that names tensor and limit. */
  open(configJson: string, options: OpenOptions): NativeModel;
  /** Opens the config of a mixture for its experts alone; none is held yet. Throws as `open`. */
  openExperts(configJson: string, options: OpenExpertsOptions): NativeExperts;
}

export interface OpenOptions {
  /** Threads that run kernels, 1 to 256. They sleep while idle. */
  threads: number;
  /** Hard budget of the paged KV cache in bytes. */
  kvBytes: number;
  kvType: 'f16' | 'int8';
  /** Longest sequence in tokens; at most the model's own. */
  contextTokens: number;
  /** Bytes of each token id, concatenated, with `vocabSize + 1` offsets: for stop texts. */
  tokenBytes: Uint8Array;
  tokenOffsets: Uint32Array;
  /** Room for deltas. Default: none. */
  delta?: DeltaOptions;
  /** Which experts of a mixture are computed elsewhere. Default: none. */
  experts?: RemoteExperts;
}

/** Slabs that are allocated at open and never after. A delta that does not fit a small slot takes a dense one. */
export interface DeltaOptions {
  /** Small slots, 0 to 65,536. */
  slots: number;
  /** Bytes of a small slot, up to 2^31 − 1; a delta takes what its arrays have, each rounded up to 64 bytes. */
  slotBytes: number;
  /** Slots that hold a `dense1` over all linear modules, 0 to 4,096. */
  denseSlots: number;
}

/** Whose a sequence is. */
export interface SequenceIdentity {
  /** The handle of the delta that its tokens are computed with; null for the base model. */
  delta: number | null;
  /**
   * 0 or 32 bytes that root its prefix cache: only sequences of equal scopes share KV blocks. Where there is a delta
   * it must have 32.
   */
  scope: Uint8Array;
}

export interface NativeModel extends NativeMixture {
  /**
   * Maps a stage's blob, reads it in and prepares it, off the event loop, in turns with steps; usable by the next
   * step. Stages attach in order.
   */
  attachStage(stage: number, blobPath: string): Promise<void>;
  /**
   * Drops this stage and all above it, and forgets cached KV blocks that were computed with them. A running step
   * ends with what it started with, later ones are refused.
   */
  detachStage(stage: number): void;
  stats(): EngineStats;
  /**
   * Checks a delta again and copies it into a free slot, off the event loop; the result is its handle, from 1 on.
   * The arrays must stay as they are until then. Rejects with an EngineError `delta` where no slot is free or the
   * delta is too large, of another shape or not finite.
   */
  loadDelta(parts: DeltaPart[]): Promise<number>;
  /** Gives the slot back. Throws an EngineError `delta` while a sequence uses it. */
  freeDelta(delta: number): void;
  /**
   * Drops cached KV blocks of this scope (32 bytes); sequences that run in it go on and share no more of theirs. Also
   * while a step runs.
   */
  forgetScope(scope: Uint8Array): void;
  /**
   * A new sequence; the result is its handle. `sampled` (default none): what an earlier sequence of the same answer
   * sampled, which counts for penalties and stop texts; append it to go on. `identity` (default: the base model and no
   * scope) holds for its whole life.
   */
  createSequence(sampling: NativeSampling, sampled?: Int32Array, identity?: SequenceIdentity): number;
  /**
   * Frees the handle and gives its KV blocks back (they stay cached for prefix sharing until evicted); during a
   * step, at its end.
   */
  freeSequence(sequence: number): void;
  /**
   * While a sequence has no computed tokens: takes over KV blocks that another sequence computed for the same
   * leading tokens at the same stage. Returns how many tokens are already computed (a multiple of the block size,
   * less than `tokens.length`).
   */
  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number;
  /**
   * Forgets computed tokens from `length` on (preemption: 0); append them again to go on. What was sampled so far
   * still counts for penalties and stop texts, and the random draw of a position stays the same.
   */
  truncate(sequence: number, length: number): void;
  /**
   * Runs one batch off the event loop; results in the order of the items. Steps wait for each other. A rejected
   * step leaves every sequence as it was.
   */
  step(items: StepItem[]): Promise<StepOutput[]>;
  /**
   * Full-vocabulary logits (float32) for every given token of a fresh sequence, with a delta where one is given:
   * quality measurement and tests.
   */
  logits(stage: number, tokens: Int32Array, delta?: number | null): Promise<Float32Array>;
  close(): void;
}

/**
 * The part of a delta that changes one kind of linear module, in `layers` (ascending). All arrays are little-endian and
 * stacked by layer; sign bits are one bit a sign, the lowest bit of a byte first, each row padded to whole bytes with
 * zero bits, where 1 is +1 and 0 is −1. `x` is the module's input (before it is quantized), `y` its output.
 */
export type DeltaPart = {
  module: 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down';
  layers: Int32Array;
} & (
  | /** y[i] += Σ_g scales[i][g] · Σ_(j in group g) sign[i][j] · x[j]; a group is `group` columns, all of them for one
   * scale a row. signs [layers][out][in / 8], scales float16 [layers][out][in / group]. */
  { form: 'dense1'; group: number; signs: Uint8Array; scales: Uint16Array }
  /** y += Σ_r scales[r] · b[r] · (a[r] · x). a [layers][rank][in / 8], b [layers][rank][out / 8], scales float16
   * [layers][rank]. */
  | { form: 'lora1'; rank: number; a: Uint8Array; b: Uint8Array; scales: Uint16Array }
  /** y += scale · B A x in bfloat16. a [layers][rank][in], b [layers][out][rank] (as PEFT has them). */
  | { form: 'lora16'; rank: number; scale: number; a: Uint16Array; b: Uint16Array }
  /** y[i] *= 1 + v[i], after any other part. v float16 [layers][out]. */
  | { form: 'vec'; v: Uint16Array }
);

export interface StepItem {
  sequence: number;
  /** Tokens to append now: a chunk of the prompt, or the last sampled token. */
  tokens: Int32Array;
  /** In place of tokens: rows of `hiddenSize` float32. */
  embeddings: Float32Array | null;
  stage: number;
  /** Sample a token after the last appended one. */
  sample: boolean;
  /** Guesses of what will be sampled, checked in this step; null for none. */
  draft: Draft | null;
  /** What its rows take where an expert is missing. Default: `standIn`. */
  expertFloor?: ExpertFloor;
}

/**
 * Up to 63 guesses of the tokens that follow an item's: given, or drafted by the engine at a lower stage first
 * (over the same KV cache, which the check overwrites). Each is checked by sampling in its place as ever, so the
 * answer is that of plain decoding; those that come out are kept, and the KV of the others is taken back.
 */
export type Draft = { tokens: Int32Array } | { stage: number; count: number };

export interface SampledToken {
  /** -1 if none. */
  token: number;
  /** Natural logarithm of its probability before temperature and filters; NaN if not asked for. */
  logprob: number;
  topTokens: Int32Array;
  topLogprobs: Float32Array;
}

/** The token that was sampled last, and what came with it. */
export interface StepOutput extends SampledToken {
  /**
   * `noKv`: nothing was appended because the KV budget is used up. `notFinite`: nothing was appended because the
   * sequence's logits are no numbers, which bad weights or its own delta can do; the others in the step are good.
   * `noExpert`: nothing was appended because an expert was missing below which its floor does not let it fall.
   */
  status: 'ok' | 'noKv' | 'notFinite' | 'noExpert';
  /** Drafted tokens that were sampled and appended, before `token`. */
  kept: SampledToken[];
  finish: 'none' | 'stopToken' | 'stopText';
  /** Index of the stop text that matched, -1 if none. */
  stopIndex: number;
  /** What its rows got in place of experts that were missing; none is counted of what a stage drafts. */
  expertFalls: ExpertFalls;
}

/**
 * In this order, as in Hugging Face's generate(): repetition penalty over prompt and output, presence and frequency
 * penalties over output, logit bias; then temperature 0 takes the largest logit (the lowest id of equals), else
 * temperature, top-k, top-p, min-p, and one draw that depends on seed and position only.
 */
export interface NativeSampling {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  logitBiasTokens: Int32Array;
  logitBiasValues: Float32Array;
  seed: bigint;
  /** UTF-8 stop texts. */
  stop: string[];
  stopTokens: Int32Array;
  /** -1: none; 0 to 20 alternatives. */
  logprobs: number;
}

export interface EngineStats {
  attachedStages: number[];
  mappedBytes: number;
  mergedBytes: number;
  kvBlockTokens: number;
  kvBlocksTotal: number;
  /** Blocks that can be had now: free ones and cached ones that nobody uses. */
  kvBlocksFree: number;
  kvBlocksCached: number;
  sequences: number;
  deltaSlots: number;
  deltaSlotsUsed: number;
  denseSlots: number;
  denseSlotsUsed: number;
  /** What the loaded deltas take of their slots. */
  deltaBytes: number;
}
