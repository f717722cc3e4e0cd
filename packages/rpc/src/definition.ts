import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { MethodDefinition as GrpcMethod } from '@grpc/grpc-js';

/** What ts-proto generates for a message. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  fromPartial(object: object): T;
}

/** What ts-proto's generic definitions give for a method. */
export interface RpcMethod {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a message type is invariant, and a table of methods mixes them.
  readonly requestType: MessageType<any>;
  readonly requestStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly responseType: MessageType<any>;
  readonly responseStream: boolean;
}

export interface RpcService {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, RpcMethod>>;
}

export type RequestOf<M extends RpcMethod> = ReturnType<M['requestType']['decode']>;
export type ResponseOf<M extends RpcMethod> = ReturnType<M['responseType']['decode']>;

/** The same method in grpc-js's words. */
export function grpcMethod(service: RpcService, method: RpcMethod): GrpcMethod<object, object> {
  return {
    path: `/${service.fullName}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (value) => encode(method.requestType, value),
    requestDeserialize: (bytes) => method.requestType.decode(bytes),
    responseSerialize: (value) => encode(method.responseType, value),
    responseDeserialize: (bytes) => method.responseType.decode(bytes),
  };
}

/** A Buffer over the writer's own memory: a copy of 1 MiB would cost up to 1.5 ms. */
function encode(type: MessageType<object>, value: object): Buffer {
  const bytes = type.encode(value).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
