/**
 * - `bad-model` a file of a model breaks its format; the message names the field and the limit
 * - `bad-option` a language, prompt, temperature or turn detection out of range
 * - `bad-audio` audio that cannot be read, or more of it than is listened to
 * - `busy` as much work is waiting as may wait
 * - `cancelled` the caller's signal
 * - `closed` the transcriber was closed
 * - `broken` the model failed while it was working
 */
export const HEARING_FAILURES = [
  'bad-model',
  'bad-option',
  'bad-audio',
  'busy',
  'cancelled',
  'closed',
  'broken',
] as const;
export type HearingFailure = (typeof HEARING_FAILURES)[number];

/** The one error class of hearing; a message never holds what was said. */
export class HearingError extends Error {
  override readonly name = 'HearingError';

  constructor(
    readonly failure: HearingFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
