import { RpcError } from '@zen/rpc';
import { TalkerError } from './talker-error';

/** How a call ended. */
export type Outcome = 'ok' | 'cancelled' | 'refused' | 'stalled' | 'draining' | 'failed';

export function outcomeOf(error: unknown): Outcome {
  if (error instanceof TalkerError) {
    if (error.failure === 'stalled') return 'stalled';
    return error.failure === 'draining' ? 'draining' : 'refused';
  }
  if (!(error instanceof RpcError)) return 'failed';
  return error.code === 'UNAVAILABLE'
    ? 'draining'
    : error.code === 'CANCELLED' || error.code === 'DEADLINE_EXCEEDED'
      ? 'cancelled'
      : 'failed';
}
