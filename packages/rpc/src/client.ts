import {
  type ChannelCredentials,
  type ClientReadableStream,
  Client as GrpcClient,
  type CallOptions as GrpcOptions,
} from '@grpc/grpc-js';
import { type ClientTls, channelCredentials } from './credentials';
import { grpcMethod, type RequestOf, type ResponseOf, type RpcMethod, type RpcService } from './definition';
import { type OpenStream, openStream, type StreamListener } from './open-stream';
import { fromMetadata, RpcError, toMetadata } from './rpc-error';
import { sendAll } from './send-all';

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds from now after which the call fails with DEADLINE_EXCEEDED. */
  timeoutMs?: number;
  metadata?: Readonly<Record<string, string>>;
  onHeaders?(values: Record<string, string>): void;
  onTrailers?(values: Record<string, string>): void;
}

export interface ClientOptions {
  /** Largest response message, bytes. */
  maxMessageBytes?: number;
  /** Time between two looks whether the server is still there, milliseconds; 30,000 unless a test is in a hurry. */
  keepAliveMs?: number;
  /** Silence after such a look for which the connection is given up with all its calls, milliseconds; 10,000. */
  keepAliveTimeoutMs?: number;
  tls?: ClientTls | undefined;
  /** In place of `tls`. */
  credentials?: ChannelCredentials;
  /** Further options of grpc-js; they win over those above. */
  channel?: Readonly<Record<string, string | number>>;
}

/** A message of which every field may be left out. */
export type PartialMessage<T> = T extends Uint8Array | bigint | string | number | boolean | undefined
  ? T
  : T extends (infer U)[]
    ? PartialMessage<U>[]
    : { [K in keyof T]?: PartialMessage<T[K]> | undefined };

/** What a caller gives: the message, or the messages, asked for one by one as the server takes them. */
type Outgoing<M extends RpcMethod> = M['requestStream'] extends true
  ? AsyncIterable<PartialMessage<RequestOf<M>>> | Iterable<PartialMessage<RequestOf<M>>>
  : PartialMessage<RequestOf<M>>;

export type ClientMethod<M extends RpcMethod> = [M['requestStream'], M['responseStream']] extends [true, true]
  ? (listener: StreamListener<ResponseOf<M>>, options?: CallOptions) => OpenStream<RequestOf<M>>
  : OneWayMethod<M>;

type OneWayMethod<M extends RpcMethod> = M['responseStream'] extends true
  ? (request: Outgoing<M>, options?: CallOptions) => AsyncIterable<ResponseOf<M>>
  : (request: Outgoing<M>, options?: CallOptions) => Promise<ResponseOf<M>>;

/**
 * A single answer is a promise, several are an async iterable; leaving an iteration cancels the call. A stream both ways
 * is opened with a listener: its messages are whole exchanges of a hot path, and a promise for each would be felt.
 */
export type RpcClient<S extends RpcService> = { [K in keyof S['methods']]: ClientMethod<S['methods'][K]> } & {
  close(): void;
};

/** A client of `service` at `host:port` (or any gRPC target); connects on first use and reconnects by itself. */
export function client<S extends RpcService>(
  service: S,
  address: string,
  options: ClientOptions = {},
): RpcClient<S> {
  const serverName = options.tls?.serverName;
  const grpc = new GrpcClient(address, options.credentials ?? channelCredentials(options.tls), {
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    'grpc.max_receive_message_length': options.maxMessageBytes ?? 64 * 2 ** 20,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': options.keepAliveMs ?? 30_000,
    'grpc.keepalive_timeout_ms': options.keepAliveTimeoutMs ?? 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    // Each client has its own connections, so that closing one cannot touch another.
    'grpc.use_local_subchannel_pool': 1,
    ...options.channel,
  });
  const methods = Object.entries(service.methods).map(([key, method]) => {
    if (method.requestStream && method.responseStream) return [key, bothWays(grpc, service, method)];
    if (method.requestStream) return [key, clientStreaming(grpc, service, method)];
    const call = method.responseStream ? streaming(grpc, service, method) : unary(grpc, service, method);
    return [key, call];
  });
  return { ...Object.fromEntries(methods), close: () => grpc.close() } as RpcClient<S>;
}

function unary(grpc: GrpcClient, service: RpcService, method: RpcMethod) {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(service, method);
  return (request: object, options: CallOptions = {}): Promise<object> =>
    new Promise((resolve, reject) => {
      const metadata = toMetadata(options.metadata ?? {});
      const message = method.requestType.fromPartial(request);
      const done = (error: Error | null, response?: object) => {
        options.signal?.removeEventListener('abort', abort);
        if (error) reject(RpcError.from(error));
        else resolve(response as object);
      };
      const call = withoutStack(() =>
        grpc.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          metadata,
          deadline(options),
          done,
        ),
      );
      const abort = () => call.cancel();
      listen(call, options);
      options.signal?.addEventListener('abort', abort, { once: true });
      if (options.signal?.aborted) abort();
    });
}

function clientStreaming(grpc: GrpcClient, service: RpcService, method: RpcMethod) {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(service, method);
  return (requests: AsyncIterable<object> | Iterable<object>, options: CallOptions = {}): Promise<object> =>
    new Promise((resolve, reject) => {
      const answered = new AbortController();
      // Where the messages cannot be had the call is cancelled, and fails for their reason.
      let noMessage: unknown;
      const done = (error: Error | null, response?: object) => {
        answered.abort();
        options.signal?.removeEventListener('abort', abort);
        if (error) reject(noMessage ?? RpcError.from(error));
        else resolve(response as object);
      };
      const call = grpc.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        toMetadata(options.metadata ?? {}),
        deadline(options),
        done,
      );
      const abort = () => call.cancel();
      listen(call, options);
      options.signal?.addEventListener('abort', abort, { once: true });
      if (options.signal?.aborted) abort();
      sendAll(call, requests, (message) => method.requestType.fromPartial(message), answered.signal).catch(
        (error) => {
          noMessage = error;
          call.cancel();
        },
      );
    });
}

function streaming(grpc: GrpcClient, service: RpcService, method: RpcMethod) {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(service, method);
  return async function* (request: object, options: CallOptions = {}): AsyncGenerator<object> {
    const metadata = toMetadata(options.metadata ?? {});
    const message = method.requestType.fromPartial(request);
    const call: ClientReadableStream<object> = withoutStack(() =>
      grpc.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        deadline(options),
      ),
    );
    listen(call, options);
    const abort = () => call.cancel();
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted) abort();
    try {
      yield* call;
    } catch (error) {
      throw RpcError.from(error);
    } finally {
      options.signal?.removeEventListener('abort', abort);
      // A cancelled call still reports its status; nobody is left to hear it.
      call.on('error', () => {});
      call.cancel();
    }
  };
}

function bothWays(grpc: GrpcClient, service: RpcService, method: RpcMethod) {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(service, method);
  return (listener: StreamListener<object>, options: CallOptions = {}): OpenStream<object> => {
    const call = grpc.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      toMetadata(options.metadata ?? {}),
      deadline(options),
    );
    listen(call, options);
    return openStream(call, listener, options.signal);
  };
}

function listen(call: NodeJS.EventEmitter, options: CallOptions): void {
  if (options.onHeaders) call.on('metadata', (metadata) => options.onHeaders?.(fromMetadata(metadata)));
  if (options.onTrailers) call.on('status', (status) => options.onTrailers?.(fromMetadata(status.metadata)));
}

function deadline({ timeoutMs }: CallOptions): GrpcOptions {
  return timeoutMs === undefined ? {} : { deadline: new Date(Date.now() + timeoutMs) };
}

/**
 * grpc-js takes the caller's stack with each call, to put it into the call's error. Nobody looks at it there, and
 * taking it is the dearest single thing that a call does.
 */
function withoutStack<T>(begin: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return begin();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
