import type { NativeSampling } from './native';

/** The likeliest token at every step, nothing else: what measurements use. */
export const GREEDY: NativeSampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBiasTokens: new Int32Array(0),
  logitBiasValues: new Float32Array(0),
  seed: 0n,
  stop: [],
  stopTokens: new Int32Array(0),
  logprobs: -1,
};
