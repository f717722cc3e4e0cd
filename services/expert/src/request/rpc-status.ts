import { type RpcCode, RpcError } from '@zen/rpc';
import { ExpertError, type ExpertServiceFailure } from '../expert-error';

const CODES: Record<ExpertServiceFailure, readonly [RpcCode, string]> = {
  invalid: ['INVALID_ARGUMENT', 'invalid'],
  'not-ready': ['UNAVAILABLE', 'not_ready'],
  'other-artifact': ['FAILED_PRECONDITION', 'other_artifact'],
  'old-version': ['FAILED_PRECONDITION', 'old_version'],
};

/** The one place where failures become statuses; undefined for what is a fault of the server. */
export function rpcStatus(error: unknown): RpcError | undefined {
  if (!(error instanceof ExpertError)) return undefined;
  const [code, name] = CODES[error.failure];
  return new RpcError(code, error.message, { 'x-zen-failure': name });
}
