import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayServiceDefinition, Priority } from '@zen/contracts';
import { client, type RpcError } from '@zen/rpc';
import { chatOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { digestOf, newKey } from '../keys/key-entry';

jest.setTimeout(60_000);

describe('requests that wait at the gateway', () => {
  const keys = { ann: newKey(), bob: newKey(), eve: newKey() };
  let folder: string;
  let file: string;
  let thinker: PacedThinker;
  let running: Running;
  let open: () => void;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-queue-'));
    file = join(folder, 'keys');
    const line = (key: string, fields: string) => `sha256:${digestOf(key).toString('hex')} ${fields}\n`;
    const weighted = line(keys.ann, 'tenant=ann') + line(keys.bob, 'tenant=bob weight=2');
    await writeFile(file, weighted + line(keys.eve, 'tenant=eve priority=batch'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  afterEach(async () => {
    open();
    await running.stop();
  });

  /** A gateway before one thinker that takes `places` answers and keeps each back until `open`. */
  async function start(places: number, env: Record<string, string> = {}, maxWaiting = 0): Promise<void> {
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    thinker = new PacedThinker({ maxRunning: places, maxWaiting, before: () => gate });
    running = await openGateway([thinker], { ZEN_API_KEYS: file, ...env });
  }

  const ask = (
    tenant: keyof typeof keys,
    content: string,
    priority: 'batch' | 'normal' | 'interactive' = 'normal',
    more: { signal?: AbortSignal; headers?: Record<string, string>; body?: object } = {},
  ) =>
    running.post('/v1/chat/completions', chatOf(content, { max_tokens: 1, priority, ...more.body }), {
      headers: { authorization: `Bearer ${keys[tenant]}`, ...more.headers },
      ...(more.signal ? { signal: more.signal } : {}),
    });

  const metrics = async () => (await fetch(`${running.url}/metrics`)).text();

  async function waiting(count: number): Promise<void> {
    await until(`${count} wait`, async () => {
      const counts = (await metrics()).matchAll(/zen_gateway_waiting_requests\{priority="\w+"\} (\d+)/g);
      return [...counts].reduce((sum, match) => sum + Number(match[1]), 0) === count;
    });
  }

  /** Asks one after the other, each once the one before waits. */
  async function line(asks: Parameters<typeof ask>[]): Promise<Promise<Response>[]> {
    const responses: Promise<Response>[] = [];
    for (const one of asks) {
      responses.push(ask(...one));
      await waiting(responses.length);
    }
    return responses;
  }

  const report = async (key: string): Promise<unknown> =>
    (await fetch(`${running.url}/debug/queues`, { headers: { authorization: `Bearer ${key}` } })).json();

  const served = () =>
    thinker.requests.map(({ prompt }) =>
      prompt?.$case === 'chat' ? (prompt.value.messages[0]?.content ?? '') : '',
    );

  test('are served strictly by priority, and fairly inside one, by weight', async () => {
    await start(1);
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const asked = await line([
      ['ann', 'batch', 'batch'],
      // The highest that the key may have, whatever is asked for.
      ['eve', 'batch of eve', 'interactive'],
      ...['a1', 'a2', 'a3', 'a4'].map((name): Parameters<typeof ask> => ['ann', name]),
      ...['b1', 'b2', 'b3', 'b4'].map((name): Parameters<typeof ask> => ['bob', name]),
      ['bob', 'urgent', 'interactive'],
    ]);
    expect(await report(keys.ann)).toMatchObject({
      room: [{ model: 'paced', room: 0 }],
      bands: [
        { priority: 'interactive', requests: 1 },
        {
          priority: 'normal',
          requests: 8,
          tenants: [
            { model: 'paced', tenant: 'ann', weight: 1, requests: 4 },
            // No name: another tenant's business.
            { tenant: null, weight: 2, requests: 4 },
          ],
        },
        { priority: 'batch', requests: 2 },
      ],
    });
    expect(await report('nobody')).toMatchObject({ error: { code: 'invalid_api_key' } });
    open();
    const statuses = await Promise.all([first, ...asked].map(async (response) => (await response).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(served()).toEqual([
      'first',
      'urgent',
      // Bob's tokens count half.
      ...['a1', 'b1', 'b2', 'a2', 'b3', 'b4', 'a3', 'a4'],
      'batch',
      'batch of eve',
    ]);
    expect(thinker.requests[11]).toMatchObject({ tenant: 'eve', priority: Priority.PRIORITY_BATCH });
    const text = await metrics();
    expect(text).toContain('zen_gateway_wait_seconds_count{priority="batch"} 2');
    expect(text).toMatch(/zen_gateway_overhead_seconds_count 12/);
  });

  test('never pass what a replica takes, and none is lost', async () => {
    await start(3);
    let most = 0;
    thinker.options.pieceMs = 20;
    thinker.options.before = () => {
      most = Math.max(most, thinker.active);
    };
    const statuses = await Promise.all(
      [...Array(60).keys()].map(async (i) => (await ask('ann', `${i}`)).status),
    );
    expect(statuses).toEqual(Array(60).fill(200));
    expect(thinker.requests).toHaveLength(60);
    expect(most).toBe(3);
    expect(await metrics()).not.toMatch(/zen_gateway_retries_total [1-9]/);
  });

  test('several choices of one request take their places together', async () => {
    await start(2, {}, 64);
    const asked = [0, 1, 2].map((i) => ask('ann', `${i}`, 'normal', { body: { n: 4 } }));
    await until('all places are taken, and more', () => thinker.active >= 4);
    open();
    for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
    expect(thinker.requests).toHaveLength(12);
  });

  test('go to a replica with room, even where another knows their prompt', async () => {
    await start(1);
    await running.stop();
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    // Prompts are so dear that a replica that knows one is worth waiting for.
    const stages = [{ stage: 0, decodeBaseUs: 1000, decodePerSequenceUs: 1, prefillUsPerToken: 1000 }];
    const options = { stages, maxRunning: 2, maxWaiting: 64, cachedShare: () => 0.95 };
    const both = [new PacedThinker(options), new PacedThinker(options)];
    running = await openGateway(both, { ZEN_API_KEYS: file });
    const prompt = 'the same words at the beginning of each prompt '.repeat(40);
    expect((await ask('ann', prompt)).status).toBe(200);
    for (const one of both) one.options.before = () => gate;
    // Two places and one that waits at the replica, of each.
    const asked = [...Array(6).keys()].map(() => ask('ann', prompt));
    await until('all are there', () => both.every(({ active }) => active === 3));
    open();
    for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
  });

  test('leave at once when their client does', async () => {
    await start(1, { ZEN_ADMISSION_WAITING: '1' });
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const leaving = new AbortController();
    const gone = ask('ann', 'gone', 'normal', { signal: leaving.signal });
    await waiting(1);
    leaving.abort();
    await expect(gone).rejects.toThrow('abort');
    await waiting(0);
    const second = ask('ann', 'second');
    await waiting(1);
    open();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(served()).toEqual(['first', 'second']);
  });

  test('are refused when too many wait, with a time to come back', async () => {
    await start(1, { ZEN_ADMISSION_WAITING: '1' });
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const [second] = await line([['ann', 'second']]);
    const refused = await ask('bob', 'third');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(120);
    expect(await refused.json()).toMatchObject({
      error: { code: 'overloaded', type: 'rate_limit_error', message: expect.stringContaining('normal') },
    });
    // The places of another priority are free.
    const [, urgent] = [second, ask('bob', 'urgent', 'interactive')];
    await waiting(2);
    open();
    for (const one of [first, second, urgent]) expect((await one)?.status).toBe(200);
    expect(await metrics()).toContain(
      'zen_gateway_waiting_refusals_total{priority="normal",why="requests"} 1',
    );
  });

  test('are refused when their turn does not come in time', async () => {
    await start(1, { ZEN_ADMISSION_WAIT_INTERACTIVE: '300ms' });
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const patient = ask('ann', 'patient');
    await waiting(1);
    const refused = await ask('ann', 'urgent', 'interactive');
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining('0.3 s') } });
    open();
    expect([(await first).status, (await patient).status]).toEqual([200, 200]);
    expect(served()).toEqual(['first', 'patient']);
  });

  test('are refused over gRPC with the time to come back as RetryInfo', async () => {
    await start(1, { ZEN_ADMISSION_WAITING: '0' });
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const messages = [{ role: 'user', content: 'called' }];
    const metadata = { authorization: `Bearer ${keys.bob}` };
    const call = rpc.chat({ model: 'paced', messages }, { metadata })[Symbol.asyncIterator]();
    const error = await call.next().then(
      () => undefined,
      (thrown: unknown) => thrown as RpcError,
    );
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', metadata: { 'x-zen-failure': 'overloaded' } });
    expect(error?.retryAfterMs).toBe(1000 * Number(error?.metadata['retry-after']));
    expect(error?.retryAfterMs).toBeGreaterThanOrEqual(1000);
    rpc.close();
    open();
    expect((await first).status).toBe(200);
  });

  test('are told so when the gateway goes before their turn has come', async () => {
    await start(1);
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const [second] = await line([['ann', 'second']]);
    await running.gateway.stop();
    for (const one of [first, second]) {
      const response = await one;
      expect(response?.status).toBe(503);
      expect(response?.headers.get('retry-after')).toBe('1');
    }
    expect(served()).toEqual(['first']);
    await running.stop();
    await start(1);
  });

  test('do not wait for what can never be', async () => {
    await start(1);
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const pinned = await ask('ann', 'pinned', 'normal', { headers: { 'x-zen-stage': '3' } });
    expect(pinned.status).toBe(400);
    expect((await ask('ann', 'long', 'normal', { body: { max_tokens: 1e6 } })).status).toBe(400);
    open();
    expect((await first).status).toBe(200);
  });

  test('a burst over gRPC and HTTP waits in one line', async () => {
    await start(1);
    const first = ask('ann', 'first');
    await until('it is there', () => thinker.active === 1);
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const called = (async () => {
      const request = {
        model: 'paced',
        messages: [{ role: 'user', content: 'called' }],
        maxTokens: 1,
        priority: Priority.PRIORITY_INTERACTIVE,
      };
      const metadata = { authorization: `Bearer ${keys.bob}` };
      for await (const _ of rpc.chat(request, { metadata }));
    })();
    await waiting(1);
    const posted = ask('ann', 'posted', 'interactive');
    await waiting(2);
    open();
    await called;
    expect([(await first).status, (await posted).status]).toEqual([200, 200]);
    expect(served()).toEqual(['first', 'called', 'posted']);
    rpc.close();
  });
});
