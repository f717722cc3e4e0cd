/**
 * Why a delta was refused; closed, so that services can translate it completely.
 *
 * - `invalid` a field of the manifest breaks its limits; the message names field and limit
 * - `not-canonical` the bytes are not the one way to write this delta
 * - `unknown-module` a part for a module that no model has
 * - `wrong-shape` a part, a layer or a size does not follow from the model
 * - `zero-coverage` it changes nothing
 * - `non-finite` a scale or factor is infinite or not a number
 * - `padding` bits between a row's end and its byte's end are not zero
 * - `too-large` above the reader's limit
 * - `truncated` fewer bytes than the header promises
 * - `digest-mismatch` the data are not those that the manifest names
 * - `wrong-base` made for another base model
 * - `unsupported` a valid adapter or model that this version cannot turn into a delta
 */
export const DELTA_FAILURES = [
  'invalid',
  'not-canonical',
  'unknown-module',
  'wrong-shape',
  'zero-coverage',
  'non-finite',
  'padding',
  'too-large',
  'truncated',
  'digest-mismatch',
  'wrong-base',
  'unsupported',
] as const;
export type DeltaFailure = (typeof DELTA_FAILURES)[number];

/** The one error class of this package. */
export class DeltaError extends Error {
  override readonly name = 'DeltaError';

  constructor(
    readonly failure: DeltaFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
