import { RpcError } from '@zen/rpc';
import { DELTA_FAILURES, type DeltaFailure, ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';

/** What the store's refusal of a delta means for whoever asked: by the name that it gives, else by its code. */
export function storeFailure(error: unknown, { digest }: DeltaId): ThinkerError {
  if (error instanceof ThinkerError) return error;
  if (!(error instanceof RpcError)) throw error;
  return new ThinkerError(failureOf(error), `delta ${digest}: ${error.message}`, { cause: error });
}

function failureOf({ code, metadata }: RpcError): DeltaFailure {
  const named = metadata['x-zen-failure']?.replaceAll('-', '_') as DeltaFailure;
  if (DELTA_FAILURES.includes(named)) return named;
  switch (code) {
    case 'NOT_FOUND':
      return 'delta_not_found';
    case 'FAILED_PRECONDITION':
      return 'delta_revoked';
    case 'DATA_LOSS':
      return 'delta_corrupt';
    case 'PERMISSION_DENIED':
    case 'UNAUTHENTICATED':
      return 'delta_denied';
    default:
      return 'delta_store_unavailable';
  }
}
