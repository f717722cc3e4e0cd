import { type RpcCode, RpcError } from '@zen/rpc';
import { GatewayError, type GatewayFailure } from '../gateway-error';

const CODES: Record<GatewayFailure, RpcCode> = {
  invalid_request: 'INVALID_ARGUMENT',
  unsupported: 'INVALID_ARGUMENT',
  context_length_exceeded: 'INVALID_ARGUMENT',
  body_too_large: 'RESOURCE_EXHAUSTED',
  unsupported_media_type: 'INVALID_ARGUMENT',
  invalid_api_key: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  model_not_found: 'NOT_FOUND',
  stage_not_attached: 'FAILED_PRECONDITION',
  experts_unavailable: 'UNAVAILABLE',
  delta_not_found: 'NOT_FOUND',
  delta_wrong_base: 'FAILED_PRECONDITION',
  delta_revoked: 'FAILED_PRECONDITION',
  delta_corrupt: 'DATA_LOSS',
  delta_too_large: 'INVALID_ARGUMENT',
  delta_store_unavailable: 'UNAVAILABLE',
  speech_not_served: 'UNIMPLEMENTED',
  conflict: 'ABORTED',
  quota_exceeded: 'RESOURCE_EXHAUSTED',
  rate_limit_exceeded: 'RESOURCE_EXHAUSTED',
  overloaded: 'RESOURCE_EXHAUSTED',
  unavailable: 'UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL',
};

/** A gateway failure as a gRPC status; what HTTP says in headers travels in the trailers. */
export function rpcError(error: unknown): RpcError | undefined {
  if (!(error instanceof GatewayError)) return undefined;
  const trailers: Record<string, string> = { ...error.headers, 'x-zen-failure': error.failure };
  const retryAfterMs = error.retryAfterS === null ? null : error.retryAfterS * 1000;
  if (error.retryAfterS !== null) trailers['retry-after'] = String(error.retryAfterS);
  return new RpcError(CODES[error.failure], error.message, trailers, retryAfterMs);
}
