import { DeltaStoreServiceDefinition, descriptorSetPath, PublishResponse } from '@zen/contracts';
import { client, Rpc, RpcError, RpcServer } from '.';

const CHUNK = Buffer.alloc(64 * 1024, 1);

// A server wants a handler for each method of a service; this one has fewer.
const { publish } = DeltaStoreServiceDefinition.methods;
const service = { ...DeltaStoreServiceDefinition, methods: { publish } };

/** Takes streams of chunks; the first byte of the first says what becomes of them. */
class Taker {
  taken = 0;
  hold: Promise<void> = Promise.resolve();

  @Rpc(service, 'publish')
  async publish(messages: AsyncIterable<{ chunk: Buffer }>): Promise<PublishResponse> {
    let bytes = 0;
    for await (const { chunk } of messages) {
      bytes += chunk.length;
      this.taken++;
      if (chunk[0] === 2) throw new RpcError('INVALID_ARGUMENT', 'chunk: not this one');
      await this.hold;
    }
    return PublishResponse.fromPartial({ delta: { bytes: BigInt(bytes) } });
  }
}

describe('a stream from the client', () => {
  const taker = new Taker();
  let server: RpcServer;
  let store: ReturnType<typeof connect>;
  const connect = (address: string) => client(service, address);

  beforeAll(async () => {
    server = await RpcServer.start([taker], {
      listen: '127.0.0.1:0',
      maxMessageBytes: 1 << 20,
      maxConcurrentStreams: 100,
      descriptorSetPath,
      translate: () => undefined,
      onError: () => undefined,
    });
    store = connect(server.address);
  });
  afterAll(async () => {
    store.close();
    await server.stop(1000);
  });

  function* chunks(count: number) {
    for (let i = 0; i < count; i++) yield { chunk: CHUNK };
  }

  test('arrives whole and is answered once', async () => {
    const { delta } = await store.publish(chunks(100));
    expect(delta?.bytes).toBe(BigInt(100 * CHUNK.length));
    expect((await store.publish([])).delta?.bytes).toBe(0n);
  });

  test('is produced no faster than it is taken', async () => {
    let release = () => {};
    taker.hold = new Promise((resolve) => {
      release = resolve;
    });
    let produced = 0;
    async function* source() {
      for (; produced < 4000; produced++) {
        // Gives the wire its turn, so that only a full one holds this back.
        if (produced % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
        yield { chunk: CHUNK };
      }
    }
    const before = taker.taken;
    const call = store.publish(source());
    while (taker.taken === before) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let last = -1; last !== produced; ) {
      last = produced;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(produced).toBeLessThan(1000);
    release();
    expect((await call).delta?.bytes).toBe(BigInt(4000 * CHUNK.length));
  });

  test('is refused in its midst, with the text; nothing more is asked of it', async () => {
    let asked = 0;
    async function* endless() {
      for (;;) {
        asked++;
        yield { chunk: asked === 5 ? Buffer.alloc(9, 2) : CHUNK };
      }
    }
    await expect(store.publish(endless())).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'chunk: not this one',
    });
    const then = asked;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked).toBe(then);
  });

  test('that cannot be produced ends the call with its own error', async () => {
    const taken = taker.taken;
    async function* broken() {
      yield { chunk: CHUNK };
      while (taker.taken === taken) await new Promise((resolve) => setTimeout(resolve, 5));
      throw new Error('the file went away');
    }
    await expect(store.publish(broken())).rejects.toThrow('the file went away');
  });

  test('that stays silent ends with the signal, the deadline, or the server', async () => {
    async function* silent() {
      yield { chunk: CHUNK };
      await new Promise(() => {});
    }
    const abort = new AbortController();
    const before = taker.taken;
    const aborted = store.publish(silent(), { signal: abort.signal });
    aborted.catch(() => {});
    while (taker.taken === before) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    // Its first message comes, or would be taken for the next one's.
    let count = taker.taken;
    const late = store.publish(silent(), { timeoutMs: 500 });
    late.catch(() => {});
    while (taker.taken === count) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    count = taker.taken;
    const last = store.publish(silent());
    last.catch(() => {});
    while (taker.taken === count) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.stop(10);
    await expect(last).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      metadata: expect.objectContaining({ 'x-zen-failure': 'draining' }),
    });
  });
});
