import { Client, credentials } from '@grpc/grpc-js';
import { FinishReason, GenerateRequest, ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcError } from '@zen/rpc';
import { healthClient } from '@zen/testing';
import { otherProcess } from './other-process.fixture';
import { collect, type SimulatedThinker, simulatedThinker } from './simulated-thinker.fixture';

jest.setTimeout(60_000);

const text = (value: string) => ({ $case: 'text' as const, value });
const endless = { prompt: text('once upon a time'), maxTokens: 400, sampling: { ignoreEos: true } };
/** A prompt of 300 tokens that no cache knows. */
const fresh = (salt: number) => ({
  $case: 'tokens' as const,
  value: { tokenIds: Array.from({ length: 300 }, (_, i) => 3 + ((i * 7 + salt * 13) % 500)) },
});

async function idle({ client: thinker, backend }: SimulatedThinker): Promise<void> {
  for (;;) {
    const { load } = await thinker.describe({});
    if (load?.running === 0 && load.waiting === 0 && backend.sequences === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a client that goes away', () => {
  /** Steps wait for `go` while `held`; so a phase can be met exactly. */
  let held = false;
  let go: () => void = () => undefined;
  let server: SimulatedThinker;
  beforeAll(async () => {
    const pace = () =>
      held
        ? new Promise<void>((resolve) => {
            go = resolve;
          })
        : new Promise<void>((resolve) => setTimeout(resolve, 1));
    server = await simulatedThinker({
      model: { pace },
      env: { ZEN_MAX_RUNNING: '2', ZEN_STEP_TOKENS: '32' },
    });
    await server.thinker.climbed;
    await idle(server);
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    held = false;
    go();
    await idle(server);
    const { load } = await server.client.describe({});
    expect(load?.kvBlocksFree).toBe(load?.kvBlocksTotal);
  });
  /** Lets single steps through until the load is this; so no answer can end meanwhile. */
  const loadIs = async (what: { running: number; waiting: number }) => {
    held = true;
    for (;;) {
      const { load } = await server.client.describe({});
      if (load?.running === what.running && load.waiting === what.waiting) return;
      go();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const leaving = (request: object) => {
    const controller = new AbortController();
    const answer = collect(server.client.generate(request, { signal: controller.signal }));
    const gone = expect(answer).rejects.toMatchObject({ code: 'CANCELLED' });
    return { leave: () => controller.abort(), gone };
  };

  test('before its request is sent', async () => {
    const one = leaving(endless);
    one.leave();
    await one.gone;
  });

  test('in the queue', async () => {
    const running = [leaving(endless), leaving(endless)];
    await loadIs({ running: 2, waiting: 0 });
    const one = leaving(endless);
    await loadIs({ running: 2, waiting: 1 });
    one.leave();
    await one.gone;
    await loadIs({ running: 2, waiting: 0 });
    held = false;
    for (const other of running) other.leave();
    await Promise.all(running.map(({ gone }) => gone));
  });

  test('in prefill', async () => {
    const one = leaving({ ...endless, prompt: fresh(1) });
    await loadIs({ running: 1, waiting: 0 });
    go();
    one.leave();
    await one.gone;
  });

  test('in decode', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const reading = async () => {
      for await (const { event } of server.client.generate(endless, { signal: controller.signal })) {
        seen.push(event?.$case ?? '');
        if (seen.length === 5) controller.abort();
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(seen.slice(0, 2)).toEqual(['started', 'piece']);
  });

  test('by leaving the iteration', async () => {
    for await (const { event } of server.client.generate(endless)) if (event?.$case === 'piece') break;
  });

  test('after the end', async () => {
    const controller = new AbortController();
    const answer = await collect(
      server.client.generate({ ...endless, maxTokens: 3 }, { signal: controller.signal }),
    );
    controller.abort();
    expect(answer.tokenIds).toHaveLength(3);
  });

  test('by dying in another process', async () => {
    const request = Buffer.from(GenerateRequest.encode(GenerateRequest.fromPartial(endless)).finish());
    const others = [1, 2, 3].map(() => otherProcess(server.thinker.address, request));
    await loadIs({ running: 2, waiting: 1 });
    for (const { child } of others) child.kill('SIGKILL');
  });
});

describe('deadlines', () => {
  let server: SimulatedThinker;
  beforeAll(async () => {
    const pace = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
    server = await simulatedThinker({ model: { pace }, env: { ZEN_MAX_RUNNING: '1' } });
    await server.thinker.climbed;
    await idle(server);
  });
  afterAll(() => server.stop());

  /** The last message has 100 ms to arrive, which a busy machine may sleep through: then our own clock cuts it off. */
  async function inTime(timeoutMs: number): Promise<Awaited<ReturnType<typeof collect>>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await collect(server.client.generate(endless, { timeoutMs }));
      } catch (error) {
        if (attempt === 20 || (error as RpcError).code !== 'DEADLINE_EXCEEDED') throw error;
      }
    }
  }

  test('an answer that has begun says so in its last message', async () => {
    const answer = await inTime(1000);
    expect(answer.finished?.reason).toBe(FinishReason.FINISH_REASON_DEADLINE);
    expect(answer.finished?.usage?.completionTokens).toBe(answer.tokenIds.length);
    expect(answer.tokenIds.length).toBeGreaterThan(0);
  });

  test('one that waited in vain fails', async () => {
    const first = collect(server.client.generate({ ...endless, maxTokens: 150 }));
    const second = collect(server.client.generate(endless, { timeoutMs: 200 }));
    await expect(second).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect((await first).tokenIds).toHaveLength(150);
    await idle(server);
  });
});

describe('many clients', () => {
  test('300 streams over 30 connections all get their own answer', async () => {
    const server = await simulatedThinker({ env: { ZEN_MAX_RUNNING: '64' } });
    await server.thinker.climbed;
    const connections = Array.from({ length: 30 }, () =>
      client(ThinkerServiceDefinition, server.thinker.address),
    );
    const ask = (i: number, on: typeof server.client) =>
      collect(
        on.generate({
          prompt: { $case: 'tokens', value: { tokenIds: [3 + i, 5, 8] } },
          maxTokens: 20,
          tenant: `t${i % 7}`,
          sampling: { ignoreEos: true },
        }),
      );
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => ask(i, connections[i % 30] as typeof server.client)),
    );
    expect(answers.every(({ tokenIds }) => tokenIds.length === 20)).toBe(true);
    for (const i of [0, 150, 299]) {
      expect((await ask(i, server.client)).tokenIds).toEqual(answers[i]?.tokenIds);
    }
    for (const connection of connections) connection.close();
    await idle(server);
    await server.stop();
  });

  test('a full queue refuses by name and goes on', async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const env = { ZEN_MAX_RUNNING: '1', ZEN_MAX_WAITING: '2' };
    // No step ends before all have come, so no place is free again for the last of them.
    const server = await simulatedThinker({ model: { pace: () => opened }, env });
    await server.thinker.climbed;
    const refused: unknown[] = [];
    const answers = Array.from({ length: 10 }, () =>
      collect(server.client.generate({ ...endless, maxTokens: 30 })).catch((error: unknown) => {
        refused.push(error);
        return null;
      }),
    );
    while (refused.length < 7) await new Promise((resolve) => setTimeout(resolve, 5));
    open();
    const answered = (await Promise.all(answers)).filter((answer) => answer !== null);
    expect(answered.map(({ tokenIds }) => tokenIds.length)).toEqual([30, 30, 30]);
    expect(refused).toHaveLength(7);
    for (const reason of refused) {
      expect(reason).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        message: 'queue: 3 requests are in progress, the limit',
      });
    }
    await server.stop();
  });

  test('a client that does not read stalls only itself, and gets everything when it does', async () => {
    const server = await simulatedThinker({
      contextTokens: 1600,
      env: { ZEN_MAX_RUNNING: '1', ZEN_MAX_UNREAD: '16' },
    });
    await server.thinker.climbed;
    // Alternatives make the messages large: buffers on the way fill up soon.
    const request = { ...endless, maxTokens: 1500, sampling: { ignoreEos: true, logprobs: 20 } };
    const stalled = server.client.generate(request)[Symbol.asyncIterator]();
    await stalled.next();
    for (;;) {
      const metrics = await (await fetch(`http://${server.thinker.probeAddress}/metrics`)).text();
      if (metrics.includes('zen_thinker_sequences{state="parked"} 1')) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const others = await Promise.all([1, 2, 3].map(() => collect(server.client.generate(endless))));
    for (const { tokenIds } of others) expect(tokenIds).toHaveLength(400);
    let tokens = 0;
    for (let next = await stalled.next(); !next.done; next = await stalled.next()) {
      const { event } = next.value;
      if (event?.$case === 'piece') tokens += event.value.tokenIds.length;
    }
    expect(tokens).toBe(1500);
    await server.stop();
  });
});

describe('shutdown', () => {
  test('finishes what runs, refuses what comes, and ends watches', async () => {
    const server = await simulatedThinker();
    await server.thinker.climbed;
    const late = client(ThinkerServiceDefinition, server.thinker.address);
    await late.describe({});
    const watch = (async () => {
      for await (const _ of server.client.watch({}));
    })();
    const answer = collect(server.client.generate(endless));
    for (;;) if ((await server.client.describe({})).load?.running === 1) break;
    const stopped = server.thinker.stop();
    await watch;
    await expect(collect(late.generate(endless))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await answer).tokenIds).toHaveLength(400);
    await stopped;
    server.client.close();
    late.close();
    expect(server.backend.sequences).toBe(0);
  });

  test('says that it goes, and answers as ever while that settles', async () => {
    const server = await simulatedThinker({ env: { ZEN_SETTLE: '2s' } });
    await server.thinker.climbed;
    const seen: boolean[] = [];
    // Hears of it at once, however seldom it looks.
    const watch = (async () => {
      for await (const { draining } of server.client.watch({ intervalMs: 60_000 })) seen.push(draining);
    })();
    for (;;) {
      if (seen.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const readiness = async () =>
      (await fetch(`http://${server.thinker.probeAddress}/readyz`).catch(() => null))?.status;
    expect(await readiness()).toBe(200);
    const stopped = server.thinker.stop();
    expect((await server.client.describe({})).draining).toBe(true);
    expect(await healthOf(server.thinker.address)).toBe('NOT_SERVING');
    expect(await readiness()).toBe(503);
    const late = await collect(server.client.generate({ ...endless, maxTokens: 5 }));
    expect(late.tokenIds).toHaveLength(5);
    await watch;
    expect(seen[0]).toBe(false);
    expect(seen.at(-1)).toBe(true);
    await stopped;
    server.client.close();
  });

  test('ends what is left after the grace with a status that says why', async () => {
    const server = await simulatedThinker({ env: { ZEN_GRACE: '100ms' } });
    await server.thinker.climbed;
    const pieces: number[] = [];
    const answer = (async () => {
      for await (const { event } of server.client.generate(endless)) {
        if (event?.$case === 'piece') pieces.push(...event.value.tokenIds);
      }
    })();
    const cut = expect(answer).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the server is shutting down',
      metadata: { 'x-zen-failure': 'draining' },
    });
    for (;;) if ((await server.client.describe({})).load?.running === 1) break;
    await server.thinker.stop();
    await cut;
    server.client.close();
    expect(pieces.length).toBeLessThan(400);
    expect(server.backend.sequences).toBe(0);
  });
});

test('health and reflection answer standard tools', async () => {
  const server = await simulatedThinker();
  await server.thinker.climbed;
  expect(await healthOf(server.thinker.address)).toBe('SERVING');
  // ServerReflectionRequest { list_services = "*" } as bytes: field 7, length 1.
  const raw = new Client(server.thinker.address, credentials.createInsecure());
  const bytes = (value: Buffer) => value;
  const stream = raw.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    bytes,
    bytes,
  );
  const listed = new Promise<string>((resolve, reject) => {
    stream.on('data', (answer: Buffer) => resolve(answer.toString('latin1')));
    stream.on('error', reject);
  });
  stream.write(Buffer.from([0x3a, 1, 0x2a]));
  expect(await listed).toContain('zen.v1.ThinkerService');
  stream.end();
  raw.close();
  await server.stop();
});

/** What the standard health service says of the thinker's. */
async function healthOf(address: string): Promise<string> {
  const health = healthClient(address);
  const status = await health.status('zen.v1.ThinkerService');
  health.close();
  return status;
}
