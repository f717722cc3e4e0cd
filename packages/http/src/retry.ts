import { setTimeout as sleep } from 'node:timers/promises';
import { checkCancelled, HttpError } from './http-error';

export interface RetryPolicy {
  /** Tries in a row without progress before giving up. */
  attempts: number;
  /** Wait before the second try; doubles each time, up to `maxDelayMs`. */
  baseDelayMs: number;
  /** Also the longest Retry-After that is waited for. */
  maxDelayMs: number;
  /** A connection that brings no byte for this long counts as dropped. */
  idleMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 6,
  baseDelayMs: 500,
  maxDelayMs: 60_000,
  idleMs: 60_000,
};

/** A failure worth another try, after the server's own delay where it names one. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';

  constructor(
    message: string,
    /** From Retry-After, or null. */
    readonly retryAfterMs: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Runs `once` until it returns. It says `progressed()` when it got further: then the count of tries starts anew, so that a long download survives many drops.
 */
export async function withRetries<T>(
  what: string,
  policy: RetryPolicy,
  signal: AbortSignal,
  once: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  for (;;) {
    checkCancelled(signal, what);
    try {
      return await once(() => {
        failures = 0;
      });
    } catch (error) {
      checkCancelled(signal, what);
      if (!(error instanceof RetryableError)) throw error;
      failures += 1;
      const delayMs =
        error.retryAfterMs ?? Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1));
      if (failures >= policy.attempts || delayMs > policy.maxDelayMs) {
        const wait =
          delayMs > policy.maxDelayMs ? `, the server asks to wait ${Math.ceil(delayMs / 1000)} s` : '';
        throw new HttpError('network', `${what}: ${error.message} (${failures} tries${wait})`, {
          cause: error,
        });
      }
      await sleep(delayMs, undefined, { signal }).catch((cause) => {
        throw new HttpError('cancelled', `${what}: cancelled`, { cause });
      });
    }
  }
}

/** Milliseconds of a Retry-After header (seconds or a date), or null. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // Date.parse alone also reads "-1".
  const date = header.trim().endsWith(' GMT') ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
