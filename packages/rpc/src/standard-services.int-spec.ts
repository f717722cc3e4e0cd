import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { descriptorSetPath, ThinkerServiceDefinition } from '@zen/contracts';
import { service as healthService } from 'grpc-health-check';
import { Rpc, RpcServer } from '.';

/** Health and reflection as any gRPC tool uses them: through the standard definitions. */
describe('standard services', () => {
  class Controller {
    @Rpc(ThinkerServiceDefinition, 'generate')
    async *generate(): AsyncGenerator<never> {}
    @Rpc(ThinkerServiceDefinition, 'tokenize')
    async tokenize() {
      return { tokenIds: [] };
    }
    @Rpc(ThinkerServiceDefinition, 'detokenize')
    async detokenize() {
      return { text: Buffer.alloc(0) };
    }
    @Rpc(ThinkerServiceDefinition, 'describe')
    async describe(): Promise<never> {
      throw new Error('unused');
    }
    @Rpc(ThinkerServiceDefinition, 'watch')
    async *watch(): AsyncGenerator<never> {}
  }
  const options = {
    listen: '127.0.0.1:0',
    maxMessageBytes: 1 << 20,
    maxConcurrentStreams: 10,
    descriptorSetPath,
    translate: () => undefined,
    onError: () => undefined,
  };

  test('health follows setServing', async () => {
    const server = await RpcServer.start([new Controller()], options);
    const { health } = loadPackageDefinition({ health: healthService } as never) as never as {
      health: new (
        address: string,
        c: ReturnType<typeof credentials.createInsecure>,
      ) => Client & {
        check(request: object, done: (error: Error | null, response: { status: string }) => void): void;
      };
    };
    const probe = new health(server.address, credentials.createInsecure());
    const status = (name: string) =>
      new Promise((resolve, reject) =>
        probe.check({ service: name }, (e, r) => (e ? reject(e) : resolve(r.status))),
      );
    expect(await status('zen.v1.ThinkerService')).toBe('NOT_SERVING');
    server.setServing(true);
    expect(await status('zen.v1.ThinkerService')).toBe('SERVING');
    expect(await status('')).toBe('SERVING');
    server.setServing(false);
    expect(await status('')).toBe('NOT_SERVING');
    // A liveness probe asks whether the process answers, not whether it can serve.
    expect(await status('live')).toBe('SERVING');
    probe.close();
    await server.stop(1000);
  });

  test('a controller that lacks a method does not start', async () => {
    class Half {
      @Rpc(ThinkerServiceDefinition, 'tokenize')
      async tokenize() {
        return { tokenIds: [] };
      }
    }
    await expect(RpcServer.start([new Half()], options)).rejects.toThrow('no handler for Generate');
  });
});
