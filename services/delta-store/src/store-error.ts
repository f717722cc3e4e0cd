/**
 * - `invalid` a field breaks its limit; the message starts with the field
 * - `too-large` the delta has more bytes than this store takes
 * - `not-found` the tenant has no such delta, alias or build
 * - `revoked` deleted; the id is never used again
 * - `in-use` an alias points at it
 * - `quota` of bytes, versions or publishes; the message says which and its limit
 * - `conflict` somebody else was first
 * - `corrupt` stored bytes are not those that were taken in
 * - `unauthenticated` no token, or one that is not good
 * - `forbidden` the token does not allow this
 * - `unavailable` the storage does not answer
 * - `disk-full` no room in the storage
 * - `unsupported` this store has no workers for it
 */
export type StoreFailure =
  | 'invalid'
  | 'too-large'
  | 'not-found'
  | 'revoked'
  | 'in-use'
  | 'quota'
  | 'conflict'
  | 'corrupt'
  | 'unauthenticated'
  | 'forbidden'
  | 'unavailable'
  | 'disk-full'
  | 'unsupported';

/** The one error class of this service. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    readonly failure: StoreFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A field outside its limits. */
export function invalid(field: string, problem: string): StoreError {
  return new StoreError('invalid', `${field}: ${problem}`);
}
