import { DiskError } from '@zen/disk';
import { HttpError } from '@zen/http';

/**
 * What can go wrong between a source's address and its tensors; a closed set, so that callers can map each
 * kind to one message, exit code or status.
 *
 * - `bad-uri` the address cannot be read, or asks for something a scheme does not have
 * - `not-found` the server, registry, package or folder does not have it
 * - `unauthorized` the server wants credentials, or refuses those it got
 * - `network` no answer, a dropped connection or a server error, after all retries
 * - `wrong-length` fewer or more bytes than announced
 * - `wrong-hash` the bytes are not those whose SHA-256 is known
 * - `too-large` a size above a stated limit
 * - `disk-full` no room; what was fetched stays, a later call resumes
 * - `file` any other file system error
 * - `locked` another process holds the cache entry and does not finish
 * - `bad-format` a file breaks its format; the message names the field and the limit
 * - `unsupported` a valid file that this version cannot use (architecture, tensor type, tokenizer)
 * - `missing-tool` a program that a scheme needs is not installed
 * - `cancelled` the caller's signal
 */
export const SOURCE_FAILURES = [
  'bad-uri',
  'not-found',
  'unauthorized',
  'network',
  'wrong-length',
  'wrong-hash',
  'too-large',
  'disk-full',
  'file',
  'locked',
  'bad-format',
  'unsupported',
  'missing-tool',
  'cancelled',
] as const;
export type SourceFailure = (typeof SOURCE_FAILURES)[number];

/** The one error class of this package. */
export class SourceError extends Error {
  override readonly name = 'SourceError';

  constructor(
    readonly failure: SourceFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Translates what the packages below fail with; anything else passes through. */
  static from(error: unknown): unknown {
    if (!(error instanceof HttpError || error instanceof DiskError)) return error;
    return new SourceError(error.failure, error.message, { cause: error });
  }
}

/** Translates an error of `node:fs` on `path`; a SourceError passes through. */
export function fileError(error: unknown, path: string): SourceError {
  if (error instanceof SourceError) return error;
  const { failure, message } = DiskError.from(error, path);
  return new SourceError(failure, message, { cause: error });
}

/** Throws `cancelled` once the signal has fired. */
export function checkCancelled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new SourceError('cancelled', `${what}: cancelled`, { cause: signal.reason });
}
