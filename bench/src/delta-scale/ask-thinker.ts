import type { DeltaStoreProcess } from '@zen/testing';
import type { ThinkerProcess } from '../thinker-process';

export interface DeltaAsk {
  tenant: string;
  /** Null: the base. */
  delta: { digest: string; token: string } | null;
  prompt: string;
  answerTokens: number;
}

/** What a gateway gives a thinker with a request. */
export function tokenFor({ tokens }: DeltaStoreProcess, tenant: string, digest: string): string {
  return tokens.mint({ tenant, may: 'read', digest }, 60);
}

/** Milliseconds to the first piece of a thinker's answer; rejects where another delta answered. */
export async function askThinker(thinker: ThinkerProcess, ask: DeltaAsk): Promise<number> {
  const startedMs = performance.now();
  let ttftMs = Number.NaN;
  const request = {
    prompt: { $case: 'text' as const, value: ask.prompt },
    maxTokens: ask.answerTokens,
    sampling: { temperature: 0, ignoreEos: true },
    tenant: ask.tenant,
    ...(ask.delta ? { delta: ask.delta } : {}),
  };
  for await (const { event } of thinker.client.generate(request)) {
    if (event?.$case === 'started' && event.value.deltaDigest !== (ask.delta?.digest ?? '')) {
      throw new Error(`asked ${ask.delta?.digest}, answered ${event.value.deltaDigest}`);
    }
    if (event?.$case === 'piece' && Number.isNaN(ttftMs)) ttftMs = performance.now() - startedMs;
  }
  return ttftMs;
}
