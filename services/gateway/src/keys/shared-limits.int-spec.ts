import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority, RedisServer, redisMissing } from '@zen/testing';
import { chatOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { digestOf, newKey } from './key-entry';

jest.setTimeout(60_000);

const MAIN = join(__dirname, '../../dist/main.js');
const missing = redisMissing();
const real = missing ? describe.skip : describe;

real(`several gateways and one Redis${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const keys = { free: newKey(), few: newKey(), one: newKey() };
  let folder: string;
  let file: string;
  let server: RedisServer;
  const running: Running[] = [];
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-shared-'));
    file = join(folder, 'keys');
    const line = (key: string, fields: string) => `sha256:${digestOf(key).toString('hex')} ${fields}\n`;
    const limited = line(keys.few, 'tenant=few rpm=6') + line(keys.one, 'tenant=one streams=1');
    await writeFile(file, line(keys.free, 'tenant=free') + limited);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    await Promise.all(running.splice(0).map((one) => one.stop()));
    await server.stop();
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function redis(argv: string[] = []): Promise<void> {
    server = new RedisServer(argv);
    await server.start();
  }

  const metrics = async ({ url }: Running) => (await fetch(`${url}/metrics`)).text();

  async function gateway(env: Record<string, string> = {}): Promise<Running> {
    const one = await openGateway([new PacedThinker()], {
      ZEN_REDIS: server.url,
      ZEN_API_KEYS: file,
      // On a machine that is busy with other things nobody decides alone for that.
      ZEN_REDIS_TIMEOUT: '20s',
      ...env,
    });
    running.push(one);
    await until('limits are shared', async () => /zen_gateway_limits_shared 1/.test(await metrics(one)));
    return one;
  }

  const ask = (url: string, key: keyof typeof keys, more: object = {}) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys[key]}`, 'content-type': 'application/json' },
      body: JSON.stringify(chatOf('hi', { max_tokens: 1, ...more })),
    });

  async function statuses(asked: Promise<Response>[]): Promise<Record<number, number>> {
    const counts: Record<number, number> = {};
    for (const response of await Promise.all(asked)) {
      counts[response.status] = (counts[response.status] ?? 0) + 1;
      await response.text();
    }
    return counts;
  }

  test('one limit over two gateways, and answers say what is left of it', async () => {
    await redis();
    const both = [await gateway(), await gateway()];
    const first = await ask(both[0]?.url ?? '', 'few');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('5');
    await first.text();
    const counts = await statuses([...Array(20).keys()].map((i) => ask(both[i % 2]?.url ?? '', 'few')));
    expect(counts).toEqual({ 200: 5, 429: 15 });
    for (const one of both) expect(await metrics(one)).toContain('zen_gateway_limits_alone_total 0');
  });

  test('places of a gateway that is killed come back, and not before', async () => {
    await redis();
    const thinker = new PacedThinker({ pieceMs: 50, contextTokens: 100_000 });
    const address = await thinker.start();
    const env = {
      ...{ ZEN_LISTEN: '127.0.0.1:0', ZEN_GRPC_LISTEN: '127.0.0.1:0', ZEN_THINKERS: address },
      ...{ ZEN_API_KEYS: file, ZEN_REDIS: server.url, ZEN_REDIS_TIMEOUT: '20s', ZEN_ADMISSION_LEASE: '3s' },
    };
    const child = spawn(process.execPath, [MAIN], { env });
    children.push(child);
    let log = '';
    child.stdout.on('data', (chunk) => {
      log += chunk;
    });
    const said = (message: string) => log.includes(`"msg":"${message}"`);
    await until('it listens and shares limits', () => said('limits are shared') && said('listening'));
    const line = log.split('\n').find((one) => one.includes('"msg":"listening"'));
    const url = `http://${JSON.parse(line ?? '{}').http}`;
    await until('it is ready', async () => (await fetch(`${url}/readyz`)).ok);
    const other = await gateway({ ZEN_ADMISSION_LEASE: '3s' });
    const held = await ask(url, 'one', { stream: true, max_tokens: 50_000 });
    expect(held.status).toBe(200);
    held.text().catch(() => undefined);
    // Longer than a lease lives: it is renewed.
    for (let i = 0; i < 9; i++) {
      expect((await ask(other.url, 'one')).status).toBe(429);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await ask(other.url, 'one')).status).toBe(429);
    await until('the place is free', async () => {
      const response = await ask(other.url, 'one');
      await response.text();
      return response.status === 200;
    });
    expect(log).not.toContain(keys.one);
    await thinker.stop();
  });

  test('Redis gone: ready all the same, each keeps its part, and it is said', async () => {
    await redis();
    const both = [await gateway({ ZEN_ADMISSION_LEASE: '1s' }), await gateway({ ZEN_ADMISSION_LEASE: '1s' })];
    await until('both know of both', async () =>
      (await Promise.all(both.map(metrics))).every((text) => text.includes('limits_gateways 2')),
    );
    await server.kill();
    for (const { url } of both) {
      const counts = await statuses([...Array(10).keys()].map(() => ask(url, 'few')));
      expect(counts).toEqual({ 200: 3, 429: 7 });
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const response = await ask(url, 'free');
      expect(response.status).toBe(200);
    }
    for (const one of both) {
      expect(await metrics(one)).toContain('zen_gateway_limits_shared 0');
      expect(await metrics(one)).toMatch(/zen_gateway_limits_alone_total 1\d/);
    }
    await server.start();
    await until('limits are shared again', async () => {
      return (await Promise.all(both.map(metrics))).every((text) => text.includes('limits_shared 1'));
    });
  });

  test('over TLS, with a password and the authority’s file', async () => {
    const authority = new CertificateAuthority();
    try {
      const { cert, key } = authority.issue('localhost');
      server = new RedisServer(['--requirepass', 'its-secret'], { cert, key, ca: authority.ca });
      await server.start();
      const one = await gateway({
        ZEN_REDIS: `rediss://localhost:${server.port}/2`,
        ZEN_REDIS_PASSWORD: 'its-secret',
        ZEN_REDIS_CA: authority.ca,
      });
      expect((await ask(one.url, 'few')).headers.get('x-ratelimit-remaining-requests')).toBe('5');
    } finally {
      authority.remove();
    }
  });
});
