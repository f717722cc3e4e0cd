/**
 * - `bad-spec` the tokenizer's description breaks its format
 * - `unsupported` a valid description that this package cannot follow exactly
 * - `too-long` text, messages or tokens above a stated limit
 * - `bad-id` a token id outside the vocabulary
 * - `bad-chat` the chat template refuses the messages, or there is none
 */
export type TokenizerFailure = 'bad-spec' | 'unsupported' | 'too-long' | 'bad-id' | 'bad-chat';

/** The one error class of this package. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError';

  constructor(
    readonly failure: TokenizerFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
