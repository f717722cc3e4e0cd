import type { SamplingParams } from '@zen/batching';
import type { Sampling } from '@zen/contracts';
import { invalid } from './thinker-error';

const MAX_BIAS = 1024;
const MAX_STOPS = 16;
const MAX_STOP_BYTES = 256;
const MAX_LOGPROBS = 20;
const MAX_PENALTY = 1000;

export interface SamplingContext {
  vocabSize: number;
  /** Ids that end an answer. */
  endIds: ReadonlySet<number>;
  /** Used where the request has none. */
  seed: () => bigint;
}

/** Checks every field against the contract's limits and resolves what 0 or absence stands for. */
export function readSampling(sampling: Sampling | undefined, context: SamplingContext): SamplingParams {
  const s: Partial<Sampling> = sampling ?? {};
  const ids = s.stopTokenIds ?? [];
  if (ids.length > MAX_STOPS)
    throw invalid('sampling.stop_token_ids', `${ids.length} entries, limit ${MAX_STOPS}`);
  for (const id of ids) checkId('sampling.stop_token_ids', id, context.vocabSize);
  const ends = s.ignoreEos ? [] : [...context.endIds];
  const logprobs = s.logprobs ?? -1;
  if (logprobs > MAX_LOGPROBS) throw invalid('sampling.logprobs', `${logprobs} is above ${MAX_LOGPROBS}`);
  return {
    temperature: within('temperature', s.temperature, 0, 2, 0),
    topK: Math.min(s.topK ?? 0, context.vocabSize),
    topP: within('top_p', s.topP, 0, 1, 0) || 1,
    minP: within('min_p', s.minP, 0, 1, 0),
    repetitionPenalty: within('repetition_penalty', s.repetitionPenalty, 0, MAX_PENALTY, 0) || 1,
    presencePenalty: within('presence_penalty', s.presencePenalty, -2, 2, 0),
    frequencyPenalty: within('frequency_penalty', s.frequencyPenalty, -2, 2, 0),
    ...readBias(s.logitBias ?? {}, context.vocabSize),
    seed: s.seed ?? context.seed(),
    stop: readStops(s.stop ?? []),
    stopTokens: Int32Array.from(new Set([...ends, ...ids])),
    logprobs,
  };
}

function within(field: string, value: number | undefined, min: number, max: number, absent: number): number {
  if (value === undefined) return absent;
  if (value >= min && value <= max) return value;
  throw invalid(`sampling.${field}`, `${value} is not within ${min} to ${max}`);
}

function readBias(bias: Record<number, number>, vocabSize: number) {
  const entries = Object.entries(bias).map(([id, value]) => [Number(id), value] as const);
  const field = 'sampling.logit_bias';
  if (entries.length > MAX_BIAS) throw invalid(field, `${entries.length} entries, limit ${MAX_BIAS}`);
  for (const [id, value] of entries) {
    checkId(field, id, vocabSize);
    if (!(Math.abs(value) <= 100)) throw invalid(field, `${value} for token ${id} is not within -100 to 100`);
  }
  return {
    logitBiasTokens: Int32Array.from(entries, ([id]) => id),
    logitBiasValues: Float32Array.from(entries, ([, value]) => value),
  };
}

function readStops(stops: readonly string[]): string[] {
  if (stops.length > MAX_STOPS) throw invalid('sampling.stop', `${stops.length} entries, limit ${MAX_STOPS}`);
  return stops.map((stop) => {
    const bytes = Buffer.byteLength(stop);
    if (bytes === 0) throw invalid('sampling.stop', 'an entry is empty');
    if (bytes > MAX_STOP_BYTES)
      throw invalid('sampling.stop', `an entry has ${bytes} bytes, limit ${MAX_STOP_BYTES}`);
    return stop;
  });
}

export function checkId(field: string, id: number, vocabSize: number): void {
  if (!(id >= 0 && id < vocabSize)) throw invalid(field, `token id ${id}, must be 0 to ${vocabSize - 1}`);
}
