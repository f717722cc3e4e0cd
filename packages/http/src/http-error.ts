/**
 * What can go wrong with a request, after all retries; a closed set.
 *
 * - `not-found`, `unauthorized` the server's answer
 * - `network` no answer, a dropped connection, a server error or an answer that cannot be right
 * - `wrong-length` fewer, more or other bytes than asked for
 * - `too-large` a size above a stated limit
 * - `bad-format` the answer, or a file that says how to ask, cannot be read
 * - `cancelled` the caller's signal
 */
export type HttpFailure =
  | 'not-found'
  | 'unauthorized'
  | 'network'
  | 'wrong-length'
  | 'too-large'
  | 'bad-format'
  | 'cancelled';

/** The one error class of this package, next to RetryableError. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    readonly failure: HttpFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Throws `cancelled` once the signal has fired. */
export function checkCancelled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new HttpError('cancelled', `${what}: cancelled`, { cause: signal.reason });
}
