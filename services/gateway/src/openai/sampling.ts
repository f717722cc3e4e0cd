import { Priority, type Sampling } from '@zen/contracts';
import type { SamplingFields } from './sampling.schema';

/** Below the smallest share that any token can have: only the likeliest one is left. */
const TOP_P_ZERO = 1e-9;

/** The sampling of choice `index`: each choice of one request has its own seed, so that a seed repeats them all. */
export function samplingOf(
  fields: Partial<SamplingFields>,
  logprobs: number | undefined,
  index: number,
): Sampling {
  const seed =
    fields.seed === undefined ? undefined : BigInt.asUintN(64, BigInt(fields.seed) + BigInt(index));
  const bias: Sampling['logitBias'] = {};
  for (const [id, value] of Object.entries(fields.logit_bias ?? {})) bias[Number(id)] = value;
  return {
    temperature: fields.temperature ?? 1,
    topK: Math.max(0, fields.top_k ?? 0),
    // On the wire 0 means off; here it means as narrow as can be.
    topP: fields.top_p === 0 ? TOP_P_ZERO : (fields.top_p ?? 1),
    minP: fields.min_p ?? 0,
    repetitionPenalty: fields.repetition_penalty ?? 1,
    presencePenalty: fields.presence_penalty ?? 0,
    frequencyPenalty: fields.frequency_penalty ?? 0,
    logitBias: bias,
    seed,
    stop: typeof fields.stop === 'string' ? [fields.stop] : (fields.stop ?? []),
    stopTokenIds: [],
    ignoreEos: fields.ignore_eos ?? false,
    logprobs,
  };
}

const PRIORITIES = {
  batch: Priority.PRIORITY_BATCH,
  normal: Priority.PRIORITY_NORMAL,
  interactive: Priority.PRIORITY_INTERACTIVE,
};

export function priorityOf(name: keyof typeof PRIORITIES | undefined): Priority {
  return name ? PRIORITIES[name] : Priority.PRIORITY_UNSPECIFIED;
}
