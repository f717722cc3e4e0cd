import { type RpcCode, RpcError } from '@zen/rpc';

/** A call that failed for good, whatever was tried. */
export class ZenError extends Error {
  override readonly name = 'ZenError';

  constructor(
    /** gRPC's name of it. */
    readonly code: RpcCode,
    message: string,
    /** What the gateway asks to wait before the next attempt, milliseconds; null where it says nothing. */
    readonly retryAfterMs: number | null,
    /** Names the request in the gateway's log. */
    readonly requestId: string | null,
    /** Goes on with the answer that broke off; null where nothing can. */
    readonly resumeToken: string | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  static from(error: unknown, resumeToken: string | null = null): ZenError {
    if (error instanceof ZenError) return error;
    const cause = RpcError.from(error);
    const waitS = Number(cause.metadata['retry-after']);
    return new ZenError(
      cause.code,
      cause.message,
      waitS > 0 ? waitS * 1000 : null,
      cause.metadata['x-request-id'] ?? null,
      resumeToken,
      { cause },
    );
  }
}
