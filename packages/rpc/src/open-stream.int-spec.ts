import { setTimeout as sleep } from 'node:timers/promises';
import {
  descriptorSetPath,
  ExpertServiceDefinition,
  RunExpertsRequest,
  RunExpertsResponse,
} from '@zen/contracts';
import { type CallContext, client, type OpenStream, Rpc, RpcError, RpcServer } from '.';

jest.setTimeout(60_000);

// A server wants a handler for each method of a service; this one has fewer.
const { run } = ExpertServiceDefinition.methods;
const service = { ...ExpertServiceDefinition, methods: { run } };

/** Answers each message with its rows, and some in special ways. */
class Echo {
  taken = 0;
  contexts: CallContext[] = [];
  hold: Promise<void> = Promise.resolve();

  @Rpc(service, 'run')
  async *run(
    messages: AsyncIterable<RunExpertsRequest>,
    context: CallContext,
  ): AsyncGenerator<RunExpertsResponse> {
    this.contexts.push(context);
    for await (const { id, rows, stage } of messages) {
      this.taken++;
      await this.hold;
      if (stage === 1) throw new RpcError('INVALID_ARGUMENT', 'stage: not this one');
      // Nothing for 2, two answers for 3.
      for (let times = stage === 2 ? 0 : stage === 3 ? 2 : 1; times > 0; times--) {
        yield RunExpertsResponse.fromPartial({ id, outputs: rows });
      }
    }
  }
}

/** A caller that keeps what it hears. */
class Caller {
  readonly heard: RunExpertsResponse[] = [];
  readonly stream: OpenStream<RunExpertsRequest>;
  readonly over: Promise<RpcError | null>;
  private wake = () => {};

  constructor(echo: ReturnType<typeof connect>, options = {}) {
    let ended: (error: RpcError | null) => void;
    this.over = new Promise((resolve) => {
      ended = resolve;
    });
    this.stream = echo.run(
      {
        message: (message) => {
          this.heard.push(message);
          this.wake();
        },
        ended: (error) => ended(error),
      },
      options,
    );
  }

  send(id: number, stage = 0, rows = Buffer.alloc(100_000, id)): boolean {
    return this.stream.send(RunExpertsRequest.fromPartial({ id: BigInt(id), stage, rows }));
  }

  async until(count: number): Promise<void> {
    while (this.heard.length < count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

const connect = (address: string) => client(service, address);

describe('a stream both ways', () => {
  const echo = new Echo();
  let server: RpcServer;
  let remote: ReturnType<typeof connect>;

  beforeAll(async () => {
    server = await RpcServer.start([echo], {
      listen: '127.0.0.1:0',
      maxMessageBytes: 2 ** 20,
      maxConcurrentStreams: 100,
      descriptorSetPath,
      translate: () => undefined,
      onError: () => undefined,
    });
    remote = connect(server.address);
  });
  afterAll(() => remote.close());

  test('carries messages either way while both are open, and ends well from the caller', async () => {
    const caller = new Caller(remote);
    for (let id = 1; id <= 40; id++) caller.send(id);
    await caller.until(40);
    expect(caller.heard.map(({ id }) => Number(id))).toEqual([...new Array(40).keys()].map((i) => i + 1));
    expect(caller.heard.every(({ id, outputs }) => outputs.equals(Buffer.alloc(100_000, Number(id))))).toBe(
      true,
    );
    // Answers need not match messages.
    caller.send(41, 2);
    caller.send(42, 3);
    await caller.until(42);
    caller.stream.end();
    expect(await caller.over).toBeNull();
    expect(caller.heard).toHaveLength(42);
    expect(caller.send(43)).toBe(true);
    caller.stream.cancel();
  });

  test('holds a caller back that is faster than the server, and loses nothing', async () => {
    const caller = new Caller(remote);
    let release = () => {};
    echo.hold = new Promise((resolve) => {
      release = resolve;
    });
    let sent = 0;
    while (caller.send(++sent));
    release();
    await caller.stream.drained();
    await caller.until(sent);
    expect(caller.heard).toHaveLength(sent);
    caller.stream.end();
    expect(await caller.over).toBeNull();
    await caller.stream.drained();
  });

  test('a caller that pauses hears nothing and makes the server wait, and loses nothing', async () => {
    const paused = new Caller(remote);
    const before = echo.taken;
    paused.stream.pause();
    const sent = 100;
    for (let id = 1; id <= sent; id++) paused.send(id);
    while (echo.taken === before) await sleep(5);
    // Somebody else has as many answers meanwhile.
    const other = new Caller(remote);
    for (let id = 1; id <= sent; id++) other.send(id);
    await other.until(sent);
    expect(paused.heard).toHaveLength(0);
    expect(echo.taken - before - sent).toBeLessThan(sent);
    paused.stream.resume();
    await paused.until(sent);
    expect(paused.heard.map(({ id }) => Number(id))).toEqual([...new Array(sent).keys()].map((i) => i + 1));
    for (const { stream } of [paused, other]) stream.end();
    expect(await paused.over).toBeNull();
  });

  test('ends with the reason of the server, of the caller, or of time', async () => {
    const refused = new Caller(remote);
    refused.send(1, 1);
    expect(await refused.over).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'stage: not this one' });

    const abort = new AbortController();
    const cancelled = new Caller(remote, { signal: abort.signal });
    cancelled.send(1);
    await cancelled.until(1);
    abort.abort();
    expect(await cancelled.over).toMatchObject({ code: 'CANCELLED' });
    const { signal } = echo.contexts.at(-1)!;
    while (!signal.aborted) await sleep(5);

    const late = new Caller(remote, { timeoutMs: 200 });
    expect(await late.over).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const large = new Caller(remote);
    large.send(1, 0, Buffer.alloc(2 ** 20 + 1));
    expect(await large.over).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  test('hears that the server goes, and that there is none', async () => {
    const caller = new Caller(remote);
    caller.send(1);
    await caller.until(1);
    await server.stop(10);
    expect(await caller.over).toMatchObject({ code: 'UNAVAILABLE' });
    const nobody = new Caller(remote);
    expect(await nobody.over).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
