/** Why the API server could not be asked, or did not answer as it should. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';

  constructor(
    message: string,
    /** HTTP status, or the code of a watch's ERROR event; 0 where there was no answer. */
    readonly status = 0,
    /** What the server asked to wait, milliseconds. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}
