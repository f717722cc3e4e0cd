/**
 * - `invalid` not one of ours: form, signature, audience or a claim
 * - `expired` it was valid once
 * - `bad-key` the key file cannot be read, or is too short or too long
 */
export type ServiceTokenFailure = 'invalid' | 'expired' | 'bad-key';

/** The one error class of this package; no message holds a token or a key. */
export class ServiceTokenError extends Error {
  override readonly name = 'ServiceTokenError';

  constructor(
    readonly failure: ServiceTokenFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
