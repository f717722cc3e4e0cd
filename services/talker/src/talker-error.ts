/**
 * - `invalid` a field breaks its limit; the message starts with the field
 * - `unknown-voice` a voice that this talker does not have
 * - `not-ready` the voice, or who listens, is not here yet
 * - `deaf` this talker only speaks
 * - `full` as many as may speak or be listened to do, and as many as may wait wait
 * - `waited` nobody made room for as long as may be waited
 * - `stalled` the client took no audio and sent nothing for too long
 * - `draining` it stops
 */
export type TalkerFailure =
  | 'invalid'
  | 'unknown-voice'
  | 'not-ready'
  | 'deaf'
  | 'full'
  | 'waited'
  | 'stalled'
  | 'draining';

/** The one error class of this service. */
export class TalkerError extends Error {
  override readonly name = 'TalkerError';

  constructor(
    readonly failure: TalkerFailure,
    message: string,
  ) {
    super(message);
  }
}

/** A field outside its limits. */
export function invalid(field: string, problem: string): TalkerError {
  return new TalkerError('invalid', `${field}: ${problem}`);
}
