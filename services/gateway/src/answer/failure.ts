import type { ReplicaFailure } from '@zen/routing';
import { RpcError } from '@zen/rpc';
import { deltaFailure, mayBeElsewhere } from '../deltas/delta-failure';
import { GatewayError, type GatewayFailure, isPassing } from '../gateway-error';

/** What a thinker's status says about the thinker. */
export function replicaFailure(error: RpcError, signal: AbortSignal): ReplicaFailure {
  if (mayBeElsewhere(error) || lacksExpert(error)) return 'overloaded';
  // Of a delta that one replica finds wrong no replica would make another: none is unwell for it.
  if (deltaFailure(error)) return 'refused';
  switch (error.code) {
    case 'CANCELLED':
      return signal.aborted ? 'cancelled' : 'unavailable';
    case 'RESOURCE_EXHAUSTED':
      return 'overloaded';
    case 'INVALID_ARGUMENT':
    case 'OUT_OF_RANGE':
    case 'NOT_FOUND':
    case 'ALREADY_EXISTS':
    case 'FAILED_PRECONDITION':
    case 'PERMISSION_DENIED':
    case 'UNAUTHENTICATED':
    case 'DEADLINE_EXCEEDED':
      return 'refused';
    case 'UNAVAILABLE':
    case 'UNKNOWN':
    case 'ABORTED':
    case 'UNIMPLEMENTED':
    case 'INTERNAL':
    case 'DATA_LOSS':
      return 'unavailable';
  }
}

/** It is well, and answers whoever does without the expert. */
export function lacksExpert({ metadata }: Pick<RpcError, 'metadata'>): boolean {
  return metadata['x-zen-failure'] === 'expert-away';
}

const FAILURES: Partial<Record<RpcError['code'], GatewayFailure>> = {
  INVALID_ARGUMENT: 'invalid_request',
  OUT_OF_RANGE: 'invalid_request',
  NOT_FOUND: 'model_not_found',
  FAILED_PRECONDITION: 'stage_not_attached',
  RESOURCE_EXHAUSTED: 'overloaded',
  DEADLINE_EXCEEDED: 'timeout',
  CANCELLED: 'cancelled',
};

/** A thinker's failure as the gateway reports it. A refusal keeps its words, which name field and limit. */
export function gatewayError(error: RpcError, signal: AbortSignal): GatewayError {
  const delta = deltaFailure(error);
  if (delta === 'internal') return GatewayError.from(error);
  if (delta) {
    const again = isPassing(delta) ? { retryAfterS: 1 } : {};
    return new GatewayError(delta, error.message, { ...again, cause: error });
  }
  if (lacksExpert(error)) {
    return new GatewayError('experts_unavailable', error.message, { retryAfterS: 1, cause: error });
  }
  const failure = FAILURES[error.code];
  if (error.code === 'CANCELLED' && !signal.aborted) return unavailable(error);
  switch (failure) {
    case undefined:
      return unavailable(error);
    case 'overloaded':
      return new GatewayError('overloaded', error.message, { retryAfterS: 1, cause: error });
    default: {
      const { param, message } = callersWords(error);
      const tooLong = PROMPT_FIELDS.has(param ?? '') && /\blimit\b|\bmore than \d/.test(message);
      const known = failure === 'invalid_request' && tooLong ? 'context_length_exceeded' : failure;
      return new GatewayError(known, message, { cause: error, ...(param === undefined ? {} : { param }) });
    }
  }
}

function unavailable(cause: RpcError): GatewayError {
  return new GatewayError('unavailable', 'the model server failed; try again', { retryAfterS: 1, cause });
}

const PROMPT_FIELDS = new Set(['messages', 'prompt']);

/** What a thinker calls a field, and what the caller calls it. */
const FIELDS: [thinker: RegExp, caller: string][] = [
  [/^sampling\./, ''],
  [/^chat\.messages/, 'messages'],
  [/^chat\.tools/, 'tools'],
  [/^chat\b/, 'messages'],
  [/^(text|tokens)(\.token_ids)?\b/, 'prompt'],
];

/** A thinker's refusal starts with the field: `sampling.temperature: 3 is above 2`. */
function callersWords({ code, message }: RpcError): { param?: string; message: string } {
  const field = /^[a-z][a-z0-9_.[\]]{0,63}(?=: )/.exec(message)?.[0];
  if (!field || (code !== 'INVALID_ARGUMENT' && code !== 'OUT_OF_RANGE')) return { message };
  const rename = FIELDS.find(([thinker]) => thinker.test(field));
  const param = rename ? field.replace(rename[0], rename[1]) : field;
  return { param, message: param + message.slice(field.length) };
}
