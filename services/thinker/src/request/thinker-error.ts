/**
 * - `invalid` a field breaks its limit; the message starts with the field
 * - `unknown-model` another model than this thinker's
 * - `stage-not-attached` a stage that this replica does not have (yet)
 * - `not-ready` no servable stage is attached yet
 * - `deadline` the deadline passed before the first token
 * - those of a delta, by the names that callers see
 */
export type ThinkerFailure =
  | 'invalid'
  | 'unknown-model'
  | 'stage-not-attached'
  | 'not-ready'
  | 'deadline'
  | DeltaFailure;

/**
 * - `delta_denied` its token does not let this tenant read this delta
 * - `delta_not_found` the store does not have it for this tenant
 * - `delta_wrong_base` made for another base model
 * - `delta_revoked` deleted or erased
 * - `delta_corrupt` its bytes are not those that its digest names, or with it the model computes no numbers
 * - `delta_too_large` above what this replica can hold
 * - `delta_no_room` all places are in use, and stayed so for as long as may be waited
 * - `delta_store_unavailable` the store does not answer, or this replica's lease with it has run out
 * - `delta_lost` the copy that an answer was computed with has gone bad; asking again is right
 * - `deltas_off` this replica takes no deltas
 */
export const DELTA_FAILURES = [
  'delta_denied',
  'delta_not_found',
  'delta_wrong_base',
  'delta_revoked',
  'delta_corrupt',
  'delta_too_large',
  'delta_no_room',
  'delta_store_unavailable',
  'delta_lost',
  'deltas_off',
] as const;
export type DeltaFailure = (typeof DELTA_FAILURES)[number];

export class ThinkerError extends Error {
  override readonly name = 'ThinkerError';

  constructor(
    readonly failure: ThinkerFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A field outside its limits. */
export function invalid(field: string, problem: string): ThinkerError {
  return new ThinkerError('invalid', `${field}: ${problem}`);
}
