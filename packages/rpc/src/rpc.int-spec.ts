import {
  DescribeResponse,
  descriptorSetPath,
  GenerateResponse,
  ThinkerServiceDefinition,
} from '@zen/contracts';
import { type CallContext, type CallOptions, client, Rpc, RpcError, RpcServer } from '.';

class DomainFailure extends Error {}

/** Just enough of a thinker to show every path of a call. */
class Controller {
  produced = 0;
  cancelled = 0;

  @Rpc(ThinkerServiceDefinition, 'generate')
  async *generate(
    request: { requestId: string; maxTokens: number },
    context: CallContext,
  ): AsyncGenerator<GenerateResponse> {
    context.sendHeaders({ 'x-stage': '3' });
    context.setTrailer('x-reason', 'load');
    try {
      for (let i = 0; i < request.maxTokens; i++) {
        this.produced++;
        if (request.requestId === 'fail' && i === 2) throw new DomainFailure('max_tokens must be at most 2');
        if (request.requestId === 'wait') {
          await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
        }
        if (request.requestId === 'slow') await new Promise((resolve) => setTimeout(resolve, 10));
        const text = request.requestId === 'fat' ? 'x'.repeat(65_536) : `piece ${i}`;
        yield GenerateResponse.fromPartial({ event: { $case: 'piece', value: { text } } });
      }
    } finally {
      if (context.signal.aborted) this.cancelled++;
    }
  }

  @Rpc(ThinkerServiceDefinition, 'describe')
  async describe(): Promise<DescribeResponse> {
    return DescribeResponse.fromPartial({ model: 'tiny' });
  }

  @Rpc(ThinkerServiceDefinition, 'tokenize')
  async tokenize(): Promise<{ tokenIds: number[] }> {
    throw new Error('a secret detail');
  }

  @Rpc(ThinkerServiceDefinition, 'detokenize')
  async detokenize(_: object, context: CallContext): Promise<{ text: Buffer }> {
    return { text: Buffer.from(JSON.stringify(context.metadata)) };
  }

  @Rpc(ThinkerServiceDefinition, 'watch')
  async *watch(): AsyncGenerator<never> {}
}

describe('rpc', () => {
  const controller = new Controller();
  const unknown: unknown[] = [];
  let server: RpcServer;
  let thinker: ReturnType<typeof connect>;
  const connect = (address: string) => client(ThinkerServiceDefinition, address);

  beforeAll(async () => {
    server = await RpcServer.start([controller], {
      listen: '127.0.0.1:0',
      maxMessageBytes: 1 << 20,
      maxConcurrentStreams: 1000,
      descriptorSetPath,
      translate: (e) =>
        e instanceof DomainFailure ? new RpcError('INVALID_ARGUMENT', e.message) : undefined,
      onError: (error) => unknown.push(error),
    });
    server.setServing(true);
    thinker = connect(server.address);
  });
  afterAll(async () => {
    thinker.close();
    await server.stop(1000);
  });

  const texts = async (request: { requestId?: string; maxTokens: number }) => {
    const seen: string[] = [];
    for await (const { event } of thinker.generate(request))
      if (event?.$case === 'piece') seen.push(event.value.text);
    return seen;
  };

  test('unary calls answer, with metadata on the way in', async () => {
    expect((await thinker.describe({})).model).toBe('tiny');
    const { text } = await thinker.detokenize({}, { metadata: { authorization: 'Bearer k' } });
    expect(JSON.parse(text.toString())).toMatchObject({ authorization: 'Bearer k' });
  });

  test('a stream keeps its order and reports headers and trailers', async () => {
    const headers: object[] = [];
    const trailers: object[] = [];
    const seen: string[] = [];
    const call = thinker.generate(
      { maxTokens: 100 },
      { onHeaders: (h) => headers.push(h), onTrailers: (t) => trailers.push(t) },
    );
    for await (const { event } of call) if (event?.$case === 'piece') seen.push(event.value.text);
    expect(seen).toEqual([...Array(100).keys()].map((i) => `piece ${i}`));
    expect(headers).toEqual([expect.objectContaining({ 'x-stage': '3' })]);
    expect(trailers).toEqual([expect.objectContaining({ 'x-reason': 'load' })]);
  });

  test('a domain failure keeps its text and what came before it; anything else is INTERNAL without detail', async () => {
    await expect(texts({ requestId: 'fail', maxTokens: 5 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'max_tokens must be at most 2',
    });
    await expect(thinker.tokenize({})).rejects.toMatchObject({ code: 'INTERNAL', message: 'internal error' });
    expect(String(unknown.at(-1))).toContain('a secret detail');
  });

  test('leaving the iteration, aborting and a deadline each cancel the handler', async () => {
    const before = controller.cancelled;
    for await (const _ of thinker.generate({ requestId: 'fat', maxTokens: 1000 })) break;
    while (controller.cancelled < before + 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const abort = new AbortController();
    const waits = { requestId: 'wait', maxTokens: 1 };
    const asked = async (options: CallOptions) => {
      for await (const _ of thinker.generate(waits, options));
    };
    const produced = controller.produced;
    const aborted = asked({ signal: abort.signal });
    aborted.catch(() => undefined);
    while (controller.produced === produced) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    // Long enough to reach the handler, which a deadline that passes on the way does not.
    await expect(asked({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    while (controller.cancelled < before + 3) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('a client that does not read stalls its own stream and no other', async () => {
    const before = controller.produced;
    const stalled = thinker.generate({ requestId: 'fat', maxTokens: 10_000 })[Symbol.asyncIterator]();
    await stalled.next();
    expect(await texts({ maxTokens: 50 })).toHaveLength(50);
    // 10,000 pieces are 640 MB: what was produced is bounded by the windows and buffers between the two.
    expect(controller.produced - before - 50).toBeLessThan(500);
    await stalled.return?.();
  });

  test('a message over the limit is refused', async () => {
    const call = thinker.tokenize({ input: { $case: 'text', value: 'x'.repeat(2 << 20) } });
    await expect(call).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('stopping lets a running stream finish', async () => {
    const other = await RpcServer.start([controller], {
      listen: '127.0.0.1:0',
      maxMessageBytes: 1 << 20,
      maxConcurrentStreams: 10,
      descriptorSetPath,
      translate: () => undefined,
      onError: () => undefined,
    });
    const own = client(ThinkerServiceDefinition, other.address, { keepAliveMs: 100 });
    const seen: unknown[] = [];
    let stopped: Promise<void> | undefined;
    // Longer than several keep-alives: none of them may take the connection for dead.
    for await (const message of own.generate({ requestId: 'slow', maxTokens: 50 })) {
      seen.push(message);
      stopped ??= other.stop(30_000);
      if (seen.length === 10) await expect(own.describe({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    await stopped;
    expect(seen).toHaveLength(50);
    await expect(own.describe({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    own.close();
  });
});
