import { homeOf, type PrefixChain, prefixChain } from '@zen/routing';
import type { AnswerRequest } from '../answer/answer';
import { promptParts } from '../answer/prompt-parts';
import type { AnswerDelta } from './answer-delta';

/** Milliseconds that a replica without the delta takes for the least one: a call to the store, and whoever it drives out. */
const LOAD_MS = 50;
/** Bytes that it brings and verifies in a millisecond, at a modest 100 MB/s. */
const BYTES_PER_MS = 100_000n;

/** What loading the delta costs a replica that does not have it, milliseconds, roughly; 0 for the base. */
export function loadMs(delta: AnswerDelta | null): number {
  return delta ? LOAD_MS + Number(delta.bytes / BYTES_PER_MS) : 0;
}

/** The replica that a delta's requests go to while it is not saturated: the same for all gateways. */
export function homeOfDelta({ tenant, delta }: Whose, replicas: readonly string[]): string | undefined {
  return delta ? homeOf(`${tenant.name} ${delta.digest}`, replicas) : undefined;
}

/** The prompt's beginnings as replicas cache them: never shared across tenants or deltas. */
export function chainOf(
  request: Whose & Pick<AnswerRequest, 'prompt'>,
  model: string,
  stage: number,
): PrefixChain {
  const { tenant, delta, prompt } = request;
  const scope = `${model} ${stage} tenant=${tenant.name} delta=${delta?.digest ?? ''}`;
  return prefixChain(scope, promptParts(prompt));
}

type Whose = Pick<AnswerRequest, 'tenant' | 'delta'>;
