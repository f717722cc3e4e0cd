import { type RpcCode, RpcError } from '@zen/rpc';
import { TalkerError, type TalkerFailure } from '../talker-error';

const CODES: Record<TalkerFailure, readonly [RpcCode, string]> = {
  invalid: ['INVALID_ARGUMENT', 'invalid'],
  'unknown-voice': ['NOT_FOUND', 'unknown_voice'],
  'not-ready': ['UNAVAILABLE', 'not_ready'],
  full: ['RESOURCE_EXHAUSTED', 'full'],
  waited: ['RESOURCE_EXHAUSTED', 'waited'],
  stalled: ['ABORTED', 'stalled'],
  draining: ['UNAVAILABLE', 'draining'],
};

/** The one place where failures become statuses; undefined for what is a fault of the server. */
export function rpcStatus(error: unknown): RpcError | undefined {
  if (!(error instanceof TalkerError)) return undefined;
  const [code, name] = CODES[error.failure];
  return new RpcError(code, error.message, { 'x-zen-failure': name });
}
