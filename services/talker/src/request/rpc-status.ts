import { type RpcCode, RpcError } from '@zen/rpc';
import { SpeechError, type SpeechFailure } from '@zen/speech';
import { TalkerError, type TalkerFailure } from '../talker-error';

const CODES: Record<TalkerFailure, readonly [RpcCode, string]> = {
  invalid: ['INVALID_ARGUMENT', 'invalid'],
  'unknown-voice': ['NOT_FOUND', 'unknown_voice'],
  'not-ready': ['UNAVAILABLE', 'not_ready'],
  deaf: ['UNIMPLEMENTED', 'deaf'],
  full: ['RESOURCE_EXHAUSTED', 'full'],
  waited: ['RESOURCE_EXHAUSTED', 'waited'],
  stalled: ['ABORTED', 'stalled'],
  draining: ['UNAVAILABLE', 'draining'],
};

const SPEECH: Record<SpeechFailure, RpcCode> = {
  'unknown-voice': 'NOT_FOUND',
  'bad-option': 'INVALID_ARGUMENT',
  'bad-input': 'INVALID_ARGUMENT',
  busy: 'RESOURCE_EXHAUSTED',
  cancelled: 'CANCELLED',
  closed: 'UNAVAILABLE',
  'bad-model': 'INTERNAL',
  broken: 'INTERNAL',
};

/** The one place where failures become statuses; undefined for what is a fault of the server. */
export function rpcStatus(error: unknown): RpcError | undefined {
  if (error instanceof SpeechError) {
    return new RpcError(SPEECH[error.failure], error.message, {
      'x-zen-failure': error.failure.replaceAll('-', '_'),
    });
  }
  if (!(error instanceof TalkerError)) return undefined;
  const [code, name] = CODES[error.failure];
  return new RpcError(code, error.message, { 'x-zen-failure': name });
}
