/**
 * - `unknown-voice` no engine has a voice of that name
 * - `bad-option` a speed, quality or seed out of range
 * - `bad-input` ids for a voice that takes text, or text for one that takes ids; more input than a session keeps
 * - `busy` as much work is waiting as may wait
 * - `cancelled` the caller's signal
 * - `closed` the engine was closed
 * - `bad-model` a file of the voice is missing or breaks its format
 * - `broken` the voice failed while it was working
 */
export const SPEECH_FAILURES = [
  'unknown-voice',
  'bad-option',
  'bad-input',
  'busy',
  'cancelled',
  'closed',
  'bad-model',
  'broken',
] as const;
export type SpeechFailure = (typeof SPEECH_FAILURES)[number];

/** The one error class of speaking; a message never holds what is said. */
export class SpeechError extends Error {
  override readonly name = 'SpeechError';

  constructor(
    readonly failure: SpeechFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function checkCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new SpeechError('cancelled', 'speaking: cancelled', { cause: signal.reason });
}
