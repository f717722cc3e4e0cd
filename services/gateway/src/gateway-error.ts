/** Everything that the gateway refuses or fails with; HTTP and gRPC each map it in one table. */
export type GatewayFailure =
  | 'invalid_request'
  | 'unsupported'
  | 'context_length_exceeded'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'invalid_api_key'
  | 'forbidden'
  | 'not_found'
  | 'model_not_found'
  | 'stage_not_attached'
  /** An expert that the request does not do without could not be had in time. */
  | 'experts_unavailable'
  | 'delta_not_found'
  | 'delta_wrong_base'
  | 'delta_revoked'
  | 'delta_corrupt'
  | 'delta_too_large'
  | 'delta_store_unavailable'
  /** No talkers are configured. */
  | 'speech_not_served'
  /** What is to be changed has changed meanwhile, or is in use. */
  | 'conflict'
  | 'quota_exceeded'
  | 'rate_limit_exceeded'
  | 'overloaded'
  | 'unavailable'
  | 'timeout'
  | 'cancelled'
  | 'internal';

export interface ErrorDetails {
  /** The field at fault, as the caller wrote it: `messages[2].content`. */
  param?: string;
  /** Seconds after which a repetition may succeed. */
  retryAfterS?: number;
  headers?: Record<string, string>;
  cause?: unknown;
}

const PASSING = new Set<GatewayFailure>(['unavailable', 'delta_store_unavailable', 'experts_unavailable']);

/** Whether an answer that ends so may go on later or elsewhere. */
export function isPassing(failure: GatewayFailure): boolean {
  return PASSING.has(failure);
}

export class GatewayError extends Error {
  readonly param: string | null;
  readonly retryAfterS: number | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly failure: GatewayFailure,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'GatewayError';
    this.param = details.param ?? null;
    this.retryAfterS = details.retryAfterS ?? null;
    this.headers = details.headers ?? {};
  }

  static from(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error;
    return new GatewayError('internal', 'the gateway failed; the log names the request', { cause: error });
  }
}
