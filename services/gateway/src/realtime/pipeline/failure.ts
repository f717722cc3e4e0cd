import { RealtimeFailure } from '@zen/realtime';
import type { GatewayError } from '../../gateway-error';
import { errorBody } from '../../openai/error-body';
import { speechFailure } from '../../speech/speech-failure';

const NEVER = new AbortController().signal;

/** What went wrong with thinker or talker, as the gateway reports it. */
export function gatewayFailure(thrown: unknown): GatewayError {
  return speechFailure(thrown, NEVER);
}

/** The same in the words of the protocol; the gateway's own codes stay. */
export function realtimeFailure(thrown: unknown): RealtimeFailure {
  if (thrown instanceof RealtimeFailure) return thrown;
  const { code, message, param, type } = errorBody(gatewayFailure(thrown)).error;
  return new RealtimeFailure(code, message, param, type as RealtimeFailure['type']);
}
