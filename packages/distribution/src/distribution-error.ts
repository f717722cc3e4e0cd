import { DiskError } from '@zen/disk';
import { HttpError, RetryableError } from '@zen/http';
import { LadderError } from '@zen/ladder';

/**
 * What can go wrong between a ladder's address and its verified bytes; a closed set, so that callers can map
 * each kind to one message, exit code or status.
 *
 * - `bad-uri` the address cannot be read
 * - `not-found` the server, registry, bucket or folder does not have it
 * - `not-a-ladder` it is there and is something else
 * - `unauthorized` the server wants credentials, or refuses those it got
 * - `network` no answer, a dropped connection or a server error, after all retries
 * - `invalid` manifest, config or an answer breaks its format; the message names the field and the limit
 * - `corrupt` the bytes do not match their SHA-256, also when fetched again
 * - `too-large` a size above a stated limit
 * - `disk-full` no room; what was fetched stays, a later call resumes
 * - `file` any other file system error
 * - `no-origin` bytes are missing or bad and there is nowhere to fetch them from
 * - `cancelled` the caller's signal
 */
export const DISTRIBUTION_FAILURES = [
  'bad-uri',
  'not-found',
  'not-a-ladder',
  'unauthorized',
  'network',
  'invalid',
  'corrupt',
  'too-large',
  'disk-full',
  'file',
  'no-origin',
  'cancelled',
] as const;
export type DistributionFailure = (typeof DISTRIBUTION_FAILURES)[number];

/** The one error class of this package. */
export class DistributionError extends Error {
  override readonly name = 'DistributionError';

  constructor(
    readonly failure: DistributionFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Translates what the packages below fail with. Anything else is a mistake of ours and passes through. */
  static from(error: unknown, signal?: AbortSignal): unknown {
    if (error instanceof DistributionError) return error;
    const failure = failureOf(error);
    const stopped = error === signal?.reason || (error as Error | null)?.name === 'AbortError';
    if (signal?.aborted && (failure !== null || stopped)) {
      return new DistributionError('cancelled', 'cancelled', { cause: signal.reason });
    }
    return failure === null
      ? error
      : new DistributionError(failure, (error as Error).message, { cause: error });
  }
}

function failureOf(error: unknown): DistributionFailure | null {
  if (error instanceof RetryableError) return 'network';
  if (error instanceof HttpError) {
    if (error.failure === 'wrong-length') return 'corrupt';
    return error.failure === 'bad-format' ? 'invalid' : error.failure;
  }
  if (error instanceof DiskError) return error.failure === 'locked' ? 'file' : error.failure;
  if (error instanceof LadderError) {
    if (error.failure === 'io') return 'file';
    return error.failure === 'unsupported' ? 'invalid' : error.failure;
  }
  return null;
}
