import { RpcError } from '@zen/rpc';
import { GatewayError, type GatewayFailure } from '../gateway-error';
import { deltaFailure } from './delta-failure';

/**
 * The store's failure as the gateway reports it; a refusal keeps its words, which name field and limit. `param`: what
 * the caller calls the name that was looked for.
 */
export function storeError(thrown: unknown, param?: string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const error = RpcError.from(thrown);
  const failure = deltaFailure(error) ?? byCode(error.code);
  const details = { cause: error, ...(param === undefined ? {} : { param }) };
  switch (failure) {
    case 'delta_store_unavailable':
      return new GatewayError(failure, 'the delta-store cannot be reached; try again', {
        retryAfterS: 1,
        cause: error,
      });
    case 'internal':
      return new GatewayError(failure, 'the delta-store failed; the log names the request', { cause: error });
    case 'invalid_request': {
      // A build's fields stand in its query.
      const message = error.message.replace(/^spec\./, '');
      const field = /^[a-z][a-z0-9_.[\]]{0,63}(?=: )/.exec(message)?.[0];
      return new GatewayError(failure, message, { ...details, ...(field ? { param: field } : {}) });
    }
    default:
      return new GatewayError(failure, param ? `${param}: ${error.message}` : error.message, details);
  }
}

function byCode(code: RpcError['code']): GatewayFailure {
  switch (code) {
    case 'NOT_FOUND':
      return 'delta_not_found';
    case 'INVALID_ARGUMENT':
    case 'OUT_OF_RANGE':
      return 'invalid_request';
    case 'FAILED_PRECONDITION':
    case 'ABORTED':
    case 'ALREADY_EXISTS':
      return 'conflict';
    case 'RESOURCE_EXHAUSTED':
      return 'quota_exceeded';
    case 'DATA_LOSS':
      return 'delta_corrupt';
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
      return 'delta_store_unavailable';
    case 'CANCELLED':
      return 'cancelled';
    // A token that the store does not take is our own fault: another key, or a clock that is off.
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
    case 'UNIMPLEMENTED':
    case 'INTERNAL':
    case 'UNKNOWN':
      return 'internal';
  }
}
