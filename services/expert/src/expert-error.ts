/**
 * - `invalid` a field breaks its limit; the message starts with the field
 * - `not-ready` the ladder's metadata is not here yet
 * - `other-artifact` an assignment of another ladder's experts
 * - `old-version` an assignment that a newer one has replaced
 */
export type ExpertServiceFailure = 'invalid' | 'not-ready' | 'other-artifact' | 'old-version';

/** The one error class of this service. */
export class ExpertError extends Error {
  override readonly name = 'ExpertError';

  constructor(
    readonly failure: ExpertServiceFailure,
    message: string,
  ) {
    super(message);
  }
}

/** A field outside its limits. */
export function invalid(field: string, problem: string): ExpertError {
  return new ExpertError('invalid', `${field}: ${problem}`);
}
