import type { DeltaStoreProcess } from '@zen/testing';
import type { ThinkerProcess } from '../thinker-process';
import { type Population, tenantOf } from './synthetic-deltas';

/** What was published, by index. */
export interface Deltas {
  store: DeltaStoreProcess;
  population: Population;
  digests: readonly string[];
}

/**
 * Milliseconds to the first piece of a thinker's answer with the delta of this index, asked for as a gateway does;
 * rejects where another delta answered.
 */
export async function askThinker(
  thinker: ThinkerProcess,
  { store, population, digests }: Deltas,
  index: number,
  { prompt, answerTokens }: { prompt: string; answerTokens: number },
): Promise<number> {
  const startedMs = performance.now();
  let ttftMs = Number.NaN;
  const digest = digests[index]!;
  const tenant = tenantOf(population, index);
  const request = {
    prompt: { $case: 'text' as const, value: prompt },
    maxTokens: answerTokens,
    sampling: { temperature: 0, ignoreEos: true },
    tenant,
    delta: { digest, token: store.tokens.mint({ tenant, may: 'read', digest }, 60) },
  };
  for await (const { event } of thinker.client.generate(request)) {
    if (event?.$case === 'started' && event.value.deltaDigest !== digest) {
      throw new Error(`asked ${digest}, answered ${event.value.deltaDigest}`);
    }
    if (event?.$case === 'piece' && Number.isNaN(ttftMs)) ttftMs = performance.now() - startedMs;
  }
  return ttftMs;
}
