/**
 * The one seam between orchestration and arithmetic: a whole batch goes through it, never a single matrix.
 * The native engine implements it in the thinker; a Triton server can.
 */
export interface StepBackend {
  readonly blockTokens: number;
  createSequence(sampling: SamplingParams): number;
  freeSequence(sequence: number): void;
  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number;
  truncate(sequence: number, length: number): void;
  step(items: StepItem[]): Promise<StepOutput[]>;
  /** KV blocks in all and those that can be had now. */
  kv(): { blocksTotal: number; blocksFree: number };
}

export interface StepItem {
  sequence: number;
  tokens: Int32Array;
  embeddings: Float32Array | null;
  stage: number;
  sample: boolean;
}

export interface StepOutput {
  status: 'ok' | 'noKv';
  token: number;
  logprob: number;
  topTokens: Int32Array;
  topLogprobs: Float32Array;
  finish: 'none' | 'stopToken' | 'stopText';
  stopIndex: number;
}

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
  logprobs: number;
}
