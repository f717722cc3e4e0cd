import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { decodeRetryInfo, encodeRetryInfo, STATUS_DETAILS } from './retry-info';

/** The codes that Zen's services use; names are gRPC's. */
export type RpcCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** A failed call, on either side. `metadata` travels as trailers. */
export class RpcError extends Error {
  constructor(
    readonly code: RpcCode,
    message: string,
    readonly metadata: Readonly<Record<string, string>> = {},
    /** Milliseconds after which a repetition may succeed; travels as google.rpc.RetryInfo. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
    this.name = 'RpcError';
  }

  /** Anything thrown, as an RpcError: grpc-js errors keep code and text, an abort is CANCELLED, else UNKNOWN. */
  static from(error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    if (isServiceError(error)) {
      const code = (status[error.code] ?? 'UNKNOWN') as RpcCode;
      const [details] = error.metadata?.get(STATUS_DETAILS) ?? [];
      const retryAfterMs = Buffer.isBuffer(details) ? decodeRetryInfo(details) : null;
      return new RpcError(code, error.details, fromMetadata(error.metadata), retryAfterMs);
    }
    if (error instanceof Error && error.name === 'AbortError')
      return new RpcError('CANCELLED', error.message);
    return new RpcError('UNKNOWN', error instanceof Error ? error.message : String(error));
  }

  /** What grpc-js sends. */
  toStatus(): { code: status; details: string; metadata: Metadata } {
    const code = status[this.code];
    const metadata = toMetadata(this.metadata);
    if (this.retryAfterMs !== null)
      metadata.set(STATUS_DETAILS, encodeRetryInfo(code, this.message, this.retryAfterMs));
    return { code, details: this.message, metadata };
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

export function toMetadata(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

/** Text values only; of a repeated key, the first. */
export function fromMetadata(metadata: Metadata | undefined): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata?.getMap() ?? {})) {
    if (typeof value === 'string') values[key] = value;
  }
  return values;
}
