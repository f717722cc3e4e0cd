import { BatchingError, type BatchingFailure } from '@zen/batching';
import { type RpcCode, RpcError } from '@zen/rpc';
import { TokenizerError, type TokenizerFailure } from '@zen/tokenizer';
import { DELTA_FAILURES, type DeltaFailure, ThinkerError, type ThinkerFailure } from './thinker-error';

const THINKER: Record<ThinkerFailure, RpcCode> = {
  invalid: 'INVALID_ARGUMENT',
  'unknown-model': 'NOT_FOUND',
  'stage-not-attached': 'FAILED_PRECONDITION',
  'not-ready': 'UNAVAILABLE',
  deadline: 'DEADLINE_EXCEEDED',
  delta_denied: 'PERMISSION_DENIED',
  delta_not_found: 'NOT_FOUND',
  delta_wrong_base: 'FAILED_PRECONDITION',
  delta_revoked: 'FAILED_PRECONDITION',
  delta_corrupt: 'DATA_LOSS',
  delta_too_large: 'INVALID_ARGUMENT',
  delta_no_room: 'RESOURCE_EXHAUSTED',
  delta_store_unavailable: 'UNAVAILABLE',
  // Another replica, or this one with a new copy, goes on.
  delta_lost: 'UNAVAILABLE',
  deltas_off: 'FAILED_PRECONDITION',
};

const isDelta = (failure: ThinkerFailure) => DELTA_FAILURES.includes(failure as DeltaFailure);

const BATCHING: Record<BatchingFailure, RpcCode> = {
  'queue-full': 'RESOURCE_EXHAUSTED',
  'prompt-empty': 'INVALID_ARGUMENT',
  'prompt-too-long': 'INVALID_ARGUMENT',
  'tokens-too-many': 'INVALID_ARGUMENT',
  'kv-exhausted': 'RESOURCE_EXHAUSTED',
  // Another replica may still have it.
  'stage-lost': 'UNAVAILABLE',
  stalled: 'ABORTED',
  backend: 'INTERNAL',
  // Of the base's own numbers; an answer with a delta says that it is the delta's.
  'not-finite': 'INTERNAL',
  // Another replica may have it, or reach who has it.
  'expert-away': 'UNAVAILABLE',
  closed: 'UNAVAILABLE',
};

const TOKENIZER: Record<TokenizerFailure, RpcCode> = {
  'bad-spec': 'INTERNAL',
  unsupported: 'INTERNAL',
  'too-long': 'INVALID_ARGUMENT',
  'bad-id': 'INVALID_ARGUMENT',
  'bad-chat': 'INVALID_ARGUMENT',
};

/** The one place where domain failures become statuses; undefined for what is a fault of the server. */
export function rpcStatus(error: unknown): RpcError | undefined {
  if (error instanceof ThinkerError) {
    const { failure } = error;
    return new RpcError(
      THINKER[failure],
      error.message,
      isDelta(failure) ? { 'x-zen-failure': failure } : {},
    );
  }
  if (error instanceof BatchingError) {
    return new RpcError(BATCHING[error.failure], error.message, { 'x-zen-failure': error.failure });
  }
  if (error instanceof TokenizerError) {
    const field = error.failure === 'bad-chat' ? 'chat' : 'prompt';
    return new RpcError(TOKENIZER[error.failure], `${field}: ${error.message}`);
  }
  return undefined;
}
