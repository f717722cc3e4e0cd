import { readFileSync } from 'node:fs';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  type MethodDefinition,
  Server,
  type ServerCredentials,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import { routesOf } from './controller';
import { type ServerTls, serverCredentials } from './credentials';
import { grpcMethod, type RpcService } from './definition';
import { streamCall, unaryCall } from './handle-call';
import type { RpcCode, RpcError } from './rpc-error';
import { RunningCalls } from './running-calls';

export interface ServeOptions {
  /** `host:port`; port 0 takes a free one. */
  listen: string;
  /** Largest request, bytes. */
  maxMessageBytes: number;
  /** Streams that one connection may hold at once. */
  maxConcurrentStreams: number;
  /** Translates a domain failure; undefined for anything else, which answers INTERNAL. */
  translate(error: unknown): RpcError | undefined;
  /** Told of every error that `translate` does not know. */
  onError(error: unknown, method: string): void;
  /** Told how every call ended: the status that its client was given. */
  onEnd?(method: string, code: RpcCode | 'OK'): void;
  /** A FileDescriptorSet for reflection. */
  descriptorSetPath: string;
  tls?: ServerTls | undefined;
  /**
   * Milliseconds after which a connection is told to go (give or take a tenth), so that clients behind a plain load
   * balancer spread anew; what runs on it ends by itself, however long that takes. Absent: never.
   */
  maxConnectionAgeMs?: number | undefined;
  /** `host:port` of the health service alone, without TLS: a kubelet's gRPC probes speak nothing else. */
  healthListen?: string | undefined;
}

/** Health's name for "the process answers", whatever it can serve: a liveness probe must not kill one that loads. */
const LIVE = 'live';

/** Time for the last words of calls that are cut short, milliseconds; then for their connections to close. */
const LAST_WORDS_MS = 1000;

/** One gRPC server with the given controllers, the standard health service and reflection. */
export class RpcServer {
  private constructor(
    private readonly server: Server,
    private readonly health: HealthImplementation,
    private readonly services: string[],
    private readonly calls: RunningCalls,
    private readonly probe: Server | undefined,
    /** `host:port` that it listens on. */
    readonly address: string,
    /** `host:port` of the health service alone, if any. */
    readonly healthAddress: string | undefined,
  ) {}

  /** Starts listening; health says NOT_SERVING until `setServing(true)`. */
  static async start(controllers: object[], options: ServeOptions): Promise<RpcServer> {
    const server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.maxConcurrentStreams,
      ...connectionLife(options.maxConnectionAgeMs),
    });
    const calls = new RunningCalls();
    const services = addControllers(server, controllers, options, calls);
    const names = [...services.keys()].map((service) => service.fullName);
    // Both read their protos when they are loaded, which a process that only calls has no use for.
    const { HealthImplementation } = await import('grpc-health-check');
    const { ReflectionService } = await import('@grpc/reflection');
    const health = new HealthImplementation({
      ...Object.fromEntries(['', ...names].map((name) => [name, 'NOT_SERVING'])),
      [LIVE]: 'SERVING',
    });
    health.addToServer(server);
    const reflection = new ReflectionService(
      { zen: reflected(options.descriptorSetPath) },
      { services: names },
    );
    reflection.addToServer(server);
    const address = await bind(server, options.listen, serverCredentials(options.tls));
    let probe: Server | undefined;
    let healthAddress: string | undefined;
    if (options.healthListen !== undefined) {
      probe = new Server();
      health.addToServer(probe);
      healthAddress = await bind(probe, options.healthListen, serverCredentials(undefined));
    }
    return new RpcServer(server, health, names, calls, probe, address, healthAddress);
  }

  /** What the health service says, for the server and each of its services. */
  setServing(serving: boolean): void {
    for (const name of ['', ...this.services])
      this.health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /**
   * Refuses what is new with UNAVAILABLE while the listener stays open, waits up to `graceMs` for running calls, and
   * ends those that remain with UNAVAILABLE. Connections are only told to go once they carry no call: on one that is
   * going, grpc-js takes its next keep-alive for failed and cuts the streams that still run.
   */
  async stop(graceMs: number): Promise<void> {
    this.setServing(false);
    await this.calls.close(graceMs);
    this.calls.expel();
    await this.calls.close(LAST_WORDS_MS);
    await new Promise<void>((resolve) => {
      // Watches of the health service never end by themselves.
      const timer = setTimeout(() => {
        this.cut();
        resolve();
      }, LAST_WORDS_MS);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.probe?.forceShutdown();
  }

  /** Closes every connection without a word, as a crash would. */
  cut(): void {
    this.server.forceShutdown();
  }
}

/** Resolves with the `host:port` that it listens on. */
async function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`;
}

/**
 * On a connection that was told to go grpc-js takes its next keep-alive for failed and cuts the streams that still
 * run, so there is one or the other: a peer that vanished is found by its connection's age, too.
 */
function connectionLife(maxConnectionAgeMs: number | undefined): Record<string, number> {
  if (maxConnectionAgeMs !== undefined) return { 'grpc.max_connection_age_ms': maxConnectionAgeMs };
  return { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 };
}

function addControllers(
  server: Server,
  controllers: object[],
  options: ServeOptions,
  calls: RunningCalls,
): Map<RpcService, string[]> {
  const services = new Map<RpcService, string[]>();
  const definitions = new Map<RpcService, Record<string, MethodDefinition<object, object>>>();
  const handlers = new Map<RpcService, UntypedServiceImplementation>();
  for (const controller of controllers) {
    for (const { service, method, property } of routesOf(controller)) {
      const handler = (controller as Record<string, unknown>)[property] as (...args: unknown[]) => unknown;
      const call = method.responseStream ? streamCall : unaryCall;
      const name = `${service.fullName}/${method.name}`;
      services.set(service, [...(services.get(service) ?? []), method.name]);
      definitions.set(service, { ...definitions.get(service), [method.name]: grpcMethod(service, method) });
      handlers.set(service, {
        ...handlers.get(service),
        [method.name]: call(handler.bind(controller) as never, name, options, calls),
      });
    }
  }
  for (const [service, definition] of definitions) {
    const missing = Object.values(service.methods).filter(
      (method) => !services.get(service)?.includes(method.name),
    );
    if (missing.length > 0) {
      throw new Error(`${service.fullName}: no handler for ${missing.map((m) => m.name).join(', ')}`);
    }
    server.addService(definition, handlers.get(service) ?? {});
  }
  return services;
}

/** The files of a descriptor set (field 1 of FileDescriptorSet), in the form that the reflection package reads. */
function reflected(path: string): never {
  const reader = new BinaryReader(readFileSync(path));
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(tag & 7);
  }
  return { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos: files } as never;
}
