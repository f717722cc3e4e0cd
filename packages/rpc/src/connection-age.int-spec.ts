import { connect, createServer, type Server, type Socket } from 'node:net';
import { credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { descriptorSetPath, GenerateResponse, ThinkerServiceDefinition } from '@zen/contracts';
import { Rpc, RpcServer } from '.';
import { grpcMethod } from './definition';

jest.setTimeout(60_000);

class Controller {
  calls = 0;

  @Rpc(ThinkerServiceDefinition, 'generate')
  async *generate({ maxTokens }: { maxTokens: number }): AsyncGenerator<GenerateResponse> {
    this.calls++;
    for (let i = 0; i < maxTokens; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield GenerateResponse.fromPartial({ event: { $case: 'piece', value: { text: `${i}` } } });
    }
  }

  @Rpc(ThinkerServiceDefinition, 'describe')
  async describe(): Promise<never> {
    throw new Error('unused');
  }

  @Rpc(ThinkerServiceDefinition, 'tokenize')
  async tokenize(): Promise<never> {
    throw new Error('unused');
  }

  @Rpc(ThinkerServiceDefinition, 'detokenize')
  async detokenize(): Promise<never> {
    throw new Error('unused');
  }

  @Rpc(ThinkerServiceDefinition, 'watch')
  async *watch(): AsyncGenerator<never> {}
}

/** What a Service of a cluster is to its clients: each new connection goes to the next server. */
class Balancer {
  readonly backends: string[] = [];
  private readonly sockets = new Set<Socket>();
  private next = 0;
  private readonly server: Server = createServer((socket) => {
    const address = this.backends[this.next++ % this.backends.length] as string;
    const [host = '', port] = address.split(':');
    const other = connect(Number(port), host);
    for (const end of [socket, other]) this.sockets.add(end.on('error', () => undefined));
    socket.pipe(other).pipe(socket);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

describe('connection age', () => {
  const controllers = [new Controller(), new Controller()];
  const servers: RpcServer[] = [];
  const balancer = new Balancer();
  let plain: GrpcClient;

  beforeAll(async () => {
    for (const controller of controllers) {
      const server = await RpcServer.start([controller], {
        listen: '127.0.0.1:0',
        maxMessageBytes: 1 << 20,
        maxConcurrentStreams: 1000,
        maxConnectionAgeMs: 1000,
        descriptorSetPath,
        translate: () => undefined,
        onError: () => undefined,
      });
      server.setServing(true);
      servers.push(server);
    }
    // As anybody makes one, without a word about balancing.
    plain = new GrpcClient(await balancer.start(), credentials.createInsecure());
  });
  afterAll(async () => {
    plain.close();
    await Promise.all(servers.map((server) => server.stop(0)));
    balancer.stop();
  });

  const { path, requestSerialize, responseDeserialize } = grpcMethod(
    ThinkerServiceDefinition,
    ThinkerServiceDefinition.methods.generate,
  );
  const stream = async (maxTokens: number) => {
    const request = ThinkerServiceDefinition.methods.generate.requestType.fromPartial({ maxTokens });
    const call = plain.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    let pieces = 0;
    for await (const _ of call) pieces++;
    return pieces;
  };

  test('a plain client spreads to a new server, and not one stream is cut however much longer it runs', async () => {
    const [first, second] = controllers as [Controller, Controller];
    balancer.backends.push(servers[0]?.address ?? '');
    // Four times the age.
    const long = [stream(80), stream(80)];
    await stream(1);
    expect(first.calls).toBe(3);
    balancer.backends.push(servers[1]?.address ?? '');
    const short: Promise<number>[] = [];
    for (let tries = 0; second.calls < 5 && tries < 1000; tries++) {
      short.push(stream(2));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(second.calls).toBeGreaterThanOrEqual(5);
    expect(new Set(await Promise.all(short))).toEqual(new Set([2]));
    expect(await Promise.all(long)).toEqual([80, 80]);
  });
});
