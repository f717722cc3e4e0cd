import { DeltaError, type DeltaFailure } from '@zen/deltas';
import { DiskError, type DiskFailure } from '@zen/disk';
import { type RpcCode, RpcError } from '@zen/rpc';
import { StoreError, type StoreFailure } from '../store-error';

/** The status, and the name that programs read in the trailer `x-zen-failure`. */
type Answer = readonly [RpcCode, string];

const STORE: Record<StoreFailure, Answer> = {
  invalid: ['INVALID_ARGUMENT', 'invalid'],
  'too-large': ['INVALID_ARGUMENT', 'delta_too_large'],
  'not-found': ['NOT_FOUND', 'delta_not_found'],
  revoked: ['FAILED_PRECONDITION', 'delta_revoked'],
  'in-use': ['FAILED_PRECONDITION', 'delta_in_use'],
  quota: ['RESOURCE_EXHAUSTED', 'delta_quota'],
  conflict: ['ABORTED', 'alias_moved'],
  corrupt: ['DATA_LOSS', 'delta_corrupt'],
  unauthenticated: ['UNAUTHENTICATED', 'unauthenticated'],
  forbidden: ['PERMISSION_DENIED', 'forbidden'],
  unavailable: ['UNAVAILABLE', 'storage_unavailable'],
  'disk-full': ['RESOURCE_EXHAUSTED', 'storage_full'],
  unsupported: ['FAILED_PRECONDITION', 'no_builds'],
};

/** Everything but its size makes a file an invalid delta. */
function deltaFailure(failure: DeltaFailure): Answer {
  if (failure === 'too-large') return STORE['too-large'];
  if (failure === 'wrong-base') return ['FAILED_PRECONDITION', 'delta_wrong_base'];
  return ['INVALID_ARGUMENT', 'delta_invalid'];
}

const DISK: Record<DiskFailure, StoreFailure> = {
  'disk-full': 'disk-full',
  'not-found': 'unavailable',
  file: 'unavailable',
  locked: 'unavailable',
  cancelled: 'unavailable',
};

/** The one place where domain failures become statuses; undefined for what is a fault of the server. */
export function rpcStatus(error: unknown): RpcError | undefined {
  if (error instanceof StoreError) return answer(STORE[error.failure], error.message);
  if (error instanceof DeltaError) return answer(deltaFailure(error.failure), `delta: ${error.message}`);
  // Paths of this machine are nothing for a client.
  if (error instanceof DiskError) return answer(STORE[DISK[error.failure]], `storage: ${error.failure}`);
  return undefined;
}

function answer([code, name]: Answer, message: string): RpcError {
  return new RpcError(code, message, { 'x-zen-failure': name });
}
