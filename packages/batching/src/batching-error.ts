/**
 * - `queue-full` as many requests are live as the limits allow
 * - `prompt-empty` nothing to continue
 * - `prompt-too-long` no room for one token after the prompt
 * - `tokens-too-many` more tokens asked for than the context holds
 * - `kv-exhausted` the backend has no KV memory for a sequence that is alone
 * - `stage-lost` the stage that this sequence needs was dropped
 * - `stalled` the consumer took nothing for longer than the limit
 * - `backend` the step that this sequence was part of failed; `cause` says why
 * - `not-finite` what was computed for this sequence is no number; its neighbours are well
 * - `expert-away` an expert that the request does not do without could not be had until its deadline
 * - `closed` the scheduler has shut down
 */
export type BatchingFailure =
  | 'queue-full'
  | 'prompt-empty'
  | 'prompt-too-long'
  | 'tokens-too-many'
  | 'kv-exhausted'
  | 'stage-lost'
  | 'stalled'
  | 'backend'
  | 'not-finite'
  | 'expert-away'
  | 'closed';

/** The one error class of this package; the message names field and limit. */
export class BatchingError extends Error {
  override readonly name = 'BatchingError';

  constructor(
    readonly failure: BatchingFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
