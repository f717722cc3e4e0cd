import { pause } from '@zen/pause';
import { RpcError } from '@zen/rpc';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 400;

export interface RetryOptions {
  /** For all attempts together, milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  now: () => number;
}

/**
 * Repeats a call that changes nothing while its server is away: a store that restarts costs a moment and no request.
 * `leftMs` is what the call itself may take.
 */
export async function retrying<T>(
  call: (leftMs: number) => Promise<T>,
  { timeoutMs, signal, now }: RetryOptions,
): Promise<T> {
  const endMs = now() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    try {
      return await call(Math.max(1, endMs - now()));
    } catch (error) {
      const again = RpcError.from(error).code === 'UNAVAILABLE' && now() + pauseMs < endMs;
      if (!again || signal.aborted) throw error;
      await pause(pauseMs, signal);
      pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    }
  }
}
