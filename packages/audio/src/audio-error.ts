/** What is wrong with audio, or keeps it from being made. */
export type AudioFailure =
  /** A container, encoding, rate or number of channels that is not taken. */
  | 'unsupported'
  /** The bytes are not what they say that they are. */
  | 'malformed'
  /** The bytes end in the middle of what must be whole. */
  | 'truncated'
  /** More seconds than the limit, or more than so few bytes can honestly hold. */
  | 'too_long'
  /** What would encode it is not installed here. */
  | 'unavailable'
  /** The program that encodes it failed. */
  | 'encoder_failed';

/** Audio that cannot be decoded or encoded. The message names field and limit. */
export class AudioError extends Error {
  override readonly name = 'AudioError';

  constructor(
    readonly failure: AudioFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
