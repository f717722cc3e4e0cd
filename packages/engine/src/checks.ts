import { EngineError } from './engine-error';
import type { Draft, NativeSampling, OpenOptions, SequenceIdentity, StepItem } from './native';

/** Lengths and ranges before anything crosses the border; the native side checks them again. */
export function refuse(name: string, limit: string): never {
  throw new EngineError({ kind: 'field', name, limit });
}

export function whole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    refuse(name, `must be a whole number from ${low} to ${high}`);
  }
}

function real(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) refuse(name, `must be a number from ${low} to ${high}`);
}

export const MAX_INT = 2 ** 31 - 1;
const STAGES = 5;
const MAX_DRAFT = 63;
const FLOORS = ['exact', 'standIn', 'without'];

export const stageNumber = (stage: number): void => whole('stage', stage, 0, STAGES - 1);
export const deltaHandle = (delta: number): void => whole('delta', delta, 1, MAX_INT);
export const handle = (sequence: number): void => whole('sequence', sequence, 1, MAX_INT);

export function tokenArray(name: string, tokens: Int32Array, least: number): void {
  if (!(tokens instanceof Int32Array)) refuse(name, 'must be an Int32Array');
  if (tokens.length < least) refuse(name, `must have at least ${least}`);
}

export function checkOptions(options: OpenOptions): void {
  whole('threads', options.threads, 1, 256);
  whole('kvBytes', options.kvBytes, 1, Number.MAX_SAFE_INTEGER);
  if (options.kvType !== 'f16' && options.kvType !== 'int8') refuse('kvType', 'must be f16 or int8');
  whole('contextTokens', options.contextTokens, 1, MAX_INT);
  if (!(options.tokenBytes instanceof Uint8Array)) refuse('tokenBytes', 'must be a Uint8Array');
  if (!(options.tokenOffsets instanceof Uint32Array)) refuse('tokenOffsets', 'must be a Uint32Array');
  const { slots, slotBytes, denseSlots } = options.delta ?? { slots: 0, slotBytes: 0, denseSlots: 0 };
  whole('delta.slots', slots, 0, 65_536);
  whole('delta.slotBytes', slotBytes, slots > 0 ? 1 : 0, MAX_INT);
  whole('delta.denseSlots', denseSlots, 0, 4096);
}

export function checkIdentity({ delta, scope }: SequenceIdentity): void {
  if (delta !== null) deltaHandle(delta);
  if (!(scope instanceof Uint8Array)) refuse('scope', 'must be a Uint8Array');
  if (scope.length !== 0 && scope.length !== 32) refuse('scope', 'must have 0 or 32 bytes');
}

export function checkSampling(sampling: NativeSampling): void {
  real('temperature', sampling.temperature, 0, 100);
  whole('topK', sampling.topK, 0, 2 ** 30);
  real('topP', sampling.topP, 1e-9, 1);
  real('minP', sampling.minP, 0, 1);
  real('repetitionPenalty', sampling.repetitionPenalty, 0.01, 100);
  real('presencePenalty', sampling.presencePenalty, -100, 100);
  real('frequencyPenalty', sampling.frequencyPenalty, -100, 100);
  tokenArray('logitBiasTokens', sampling.logitBiasTokens, 0);
  if (sampling.logitBiasValues.length !== sampling.logitBiasTokens.length) {
    refuse('logitBiasValues', 'must have one value for each of logitBiasTokens');
  }
  if (sampling.seed < 0n || sampling.seed >= 2n ** 64n) refuse('seed', 'must be from 0 to 2^64 − 1');
  if (!Array.isArray(sampling.stop)) refuse('stop', 'must be a list of texts');
  tokenArray('stopTokens', sampling.stopTokens, 0);
  whole('logprobs', sampling.logprobs, -1, 20);
}

export function checkItems(items: StepItem[]): void {
  for (const [index, item] of items.entries()) {
    handle(item.sequence);
    stageNumber(item.stage);
    tokenArray(`items[${index}].tokens`, item.tokens, item.embeddings === null ? 1 : 0);
    if (item.embeddings !== null && item.tokens.length > 0) {
      refuse(`items[${index}]`, 'must have either tokens or embeddings');
    }
    if (item.draft !== null) checkDraft(`items[${index}].draft`, item.draft);
    if (item.expertFloor !== undefined && !FLOORS.includes(item.expertFloor)) {
      refuse(`items[${index}].expertFloor`, `must be one of ${FLOORS.join(', ')}`);
    }
  }
}

function checkDraft(name: string, draft: Draft): void {
  if ('tokens' in draft) {
    tokenArray(`${name}.tokens`, draft.tokens, 1);
    if (draft.tokens.length > MAX_DRAFT) refuse(`${name}.tokens`, `must have at most ${MAX_DRAFT}`);
  } else {
    whole(`${name}.stage`, draft.stage, 0, STAGES - 1);
    whole(`${name}.count`, draft.count, 1, MAX_DRAFT);
  }
}
