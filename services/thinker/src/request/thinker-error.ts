/**
 * - `invalid` a field breaks its limit; the message starts with the field
 * - `unknown-model` another model than this thinker's
 * - `stage-not-attached` a stage that this replica does not have (yet)
 * - `not-ready` no servable stage is attached yet
 * - `deadline` the deadline passed before the first token
 */
export type ThinkerFailure = 'invalid' | 'unknown-model' | 'stage-not-attached' | 'not-ready' | 'deadline';

export class ThinkerError extends Error {
  override readonly name = 'ThinkerError';

  constructor(
    readonly failure: ThinkerFailure,
    message: string,
  ) {
    super(message);
  }
}

/** A field outside its limits. */
export function invalid(field: string, problem: string): ThinkerError {
  return new ThinkerError('invalid', `${field}: ${problem}`);
}
