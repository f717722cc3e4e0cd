import { AudioError } from '@zen/audio';
import { RpcError } from '@zen/rpc';
import { gatewayError } from '../answer/failure';
import { GatewayError } from '../gateway-error';

/** What keeps speech from being made or understood, as the gateway reports it. `param`: whose fault wrong bytes are. */
export function speechFailure(error: unknown, signal: AbortSignal, param?: string): GatewayError {
  if (error instanceof AudioError) return audioFailure(error, param);
  if (signal.aborted) return new GatewayError('cancelled', 'the request was cancelled', { cause: error });
  if (!(error instanceof RpcError)) return GatewayError.from(error);
  // Of wrong audio the talker's message names what inside of the file is wrong.
  if (param !== undefined && error.code === 'INVALID_ARGUMENT') {
    return new GatewayError('invalid_request', `${param}: ${error.message}`, { param, cause: error });
  }
  if (error.code === 'UNIMPLEMENTED') {
    return new GatewayError('speech_not_served', 'this talker does not listen', { cause: error });
  }
  if (error.code === 'NOT_FOUND')
    return new GatewayError('invalid_request', error.message, { param: 'voice' });
  return gatewayError(error, signal);
}

function audioFailure(error: AudioError, param?: string): GatewayError {
  switch (error.failure) {
    case 'unsupported':
    case 'malformed':
    case 'truncated':
    case 'too_long': {
      const field = param === undefined ? {} : { param };
      return new GatewayError('invalid_request', `${param ?? 'audio'}: ${error.message}`, {
        ...field,
        cause: error,
      });
    }
    case 'unavailable':
      return new GatewayError('unsupported', error.message, { param: 'response_format', cause: error });
    case 'encoder_failed':
      return GatewayError.from(error);
  }
}
