/**
 * The one seam between orchestration and arithmetic: a whole batch goes through it, never a single matrix.
 * The native engine implements it in the thinker; a Triton server can. Every call but `step` happens between
 * steps, never during one.
 */
export interface StepBackend {
  /** Tokens in one KV block. */
  readonly blockTokens: number;
  /**
   * A new, empty sequence; the result is its handle. `sampled` (default none): tokens that an earlier sequence of
   * the same answer sampled, which count as if this one had. `identity` (default: the base model, no scope) holds for
   * its whole life.
   */
  createSequence(sampling: SamplingParams, sampled?: Int32Array, identity?: SequenceIdentity): number;
  freeSequence(sequence: number): void;
  /**
   * For a sequence that holds no tokens: takes over KV blocks that were computed for the same leading tokens at
   * the same stage in the same scope. Returns how many tokens it holds now: a multiple of `blockTokens`, less than `tokens.length`.
   */
  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number;
  /**
   * Forgets computed tokens from `length` on and gives their blocks back. What was sampled stays counted: after
   * appending the same tokens again, sampling goes on as if nothing had been forgotten.
   */
  truncate(sequence: number, length: number): void;
  /** Runs one batch, one sequence at most once; results in the order of the items. One step at a time. */
  step(items: StepItem[]): Promise<StepOutput[]>;
  /** KV blocks in all and those that can be had now. */
  kv(): { blocksTotal: number; blocksFree: number };
}

/** Whose a sequence is. */
export interface SequenceIdentity {
  /** The backend's handle of the delta that its tokens are computed with; null for the base model. */
  delta: number | null;
  /** 0 or 32 bytes: only sequences of equal scopes share KV blocks. Where there is a delta it must have 32. */
  scope: Uint8Array;
}

export interface StepItem {
  sequence: number;
  /** Tokens to append: a chunk of the prompt, or the last sampled token. Empty where `embeddings` are given. */
  tokens: Int32Array;
  /** In place of tokens: rows of float32, as wide as the model's hidden size. */
  embeddings: Float32Array | null;
  stage: number;
  /** Sample a token after the last appended one. */
  sample: boolean;
  /** Guesses of what will be sampled, checked in this step; null for none. */
  draft: Draft | null;
  /** The lowest that the sequence takes where one of a mixture's experts is missing. Default: a stand-in. */
  expertFloor?: ExpertFloor;
}

/** `exact`: nothing but the expert itself; `standIn`: the same expert at a lower stage; `without`: the others alone. */
export type ExpertFloor = 'exact' | 'standIn' | 'without';

/** Pairs of a token and an expert that did not get the expert at the item's stage. */
export interface ExpertFalls {
  standIn: number;
  without: number;
}

export const NO_FALLS: Readonly<ExpertFalls> = { standIn: 0, without: 0 };

/** The first itself where nothing is added. */
export function addFalls(
  falls: Readonly<ExpertFalls>,
  { standIn, without }: Readonly<ExpertFalls> = NO_FALLS,
): Readonly<ExpertFalls> {
  if (standIn === 0 && without === 0) return falls;
  return { standIn: falls.standIn + standIn, without: falls.without + without };
}

/**
 * Up to `MAX_DRAFT` guesses of the tokens that follow an item's: given, or drafted by the backend itself at a lower
 * stage first. The backend samples in their places as ever, so the answer is that of plain decoding; guesses that come
 * out are kept, and the others leave nothing behind. A stage drafts after exactly one token.
 */
export type Draft = { tokens: Int32Array } | { stage: number; count: number };

export const MAX_DRAFT = 63;

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
   * `noExpert`: nothing was appended because an expert is missing that the item's floor does not let it do without.
   */
  status: 'ok' | 'noKv' | 'notFinite' | 'noExpert';
  /** Of this item in this step; absent where the model has no experts. */
  expertFalls?: ExpertFalls;
  /** Drafted tokens that were sampled and appended, before `token`. */
  kept: SampledToken[];
  finish: 'none' | 'stopToken' | 'stopText';
  /** Index of the stop text that matched, -1 if none. */
  stopIndex: number;
}

/** As the proto's Sampling says; 0 turns off what the proto says 0 turns off, already resolved. */
export interface SamplingParams {
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
  stop: string[];
  stopTokens: Int32Array;
  /** -1: none; 0 to 20 alternatives. */
  logprobs: number;
}
