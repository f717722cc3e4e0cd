import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatewayServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { healthClient } from '@zen/testing';
import { chatOf, eventsOf, PacedThinker, until } from './gateway.fixture';
import { type GatewayProcess, MAIN, startGatewayProcess } from './gateway-process.fixture';

jest.setTimeout(60_000);

/** The gateway as a process of its own, as it runs in production. */
describe('the gateway process', () => {
  const thinker = new PacedThinker({ pieceMs: 20, contextTokens: 100_000 });
  let address: string;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    address = await thinker.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
  });
  afterAll(() => thinker.stop());

  const readyz = async ({ http }: GatewayProcess) => (await fetch(`http://${http}/readyz`)).status;

  interface Asked extends GatewayProcess {
    ask(pieces: number): Promise<Response>;
  }

  async function start(env: Record<string, string> = {}): Promise<Asked> {
    const started = await startGatewayProcess({ ZEN_THINKERS: address, ...env });
    const { child, http } = started;
    children.push(child);
    const ask = (pieces: number) =>
      fetch(`http://${http}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(chatOf('my secret diary', { max_tokens: pieces, stream: true })),
      });
    return { ...started, ask };
  }

  test('SIGTERM: accepts nothing new, finishes what runs, ends with 0', async () => {
    const running = await start();
    const answer = await running.ask(20);
    running.child.kill('SIGTERM');
    await until('it is closed', async () => (await readyz(running).catch(() => 503)) === 503);
    expect((await eventsOf(answer)).pop()).toBe('[DONE]');
    await until('it is gone', () => running.child.exitCode !== null);
    expect(running.child.exitCode).toBe(0);
    expect(running.log()).not.toContain('diary');
  });

  test('SIGTERM: says that it goes, answers while that settles, then refuses and stays to say so', async () => {
    const running = await start({ ZEN_SETTLE: '1500ms', ZEN_GRACE: '30s' });
    const answer = await running.ask(50_000);
    const health = healthClient(running.grpc);
    const service = 'zen.v1.GatewayService';
    expect(await health.status(service)).toBe('SERVING');
    running.child.kill('SIGTERM');
    await until('it says that it goes', async () => (await readyz(running)) === 503);
    expect(await health.status(service)).toBe('NOT_SERVING');
    const late = await running.ask(2);
    expect(late.headers.get('connection')).toBe('close');
    expect((await eventsOf(late)).pop()).toBe('[DONE]');
    const rpc = client(GatewayServiceDefinition, running.grpc);
    await until('it refuses', async () => (await running.ask(1)).status === 503);
    const refused = await running.ask(1);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('connection')).toBe('close');
    await expect(rpc.listModels({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await answer.body?.cancel();
    rpc.close();
    health.close();
    await until('it is gone', () => running.child.exitCode !== null);
    expect(running.child.exitCode).toBe(0);
  });

  test('a second signal ends it at once', async () => {
    const running = await start({ ZEN_GRACE: '10m' });
    const answer = await running.ask(50_000);
    const cut = answer.text().then(
      () => 'whole',
      () => 'cut',
    );
    running.child.kill('SIGTERM');
    await until('it goes', async () => (await readyz(running)) === 503);
    expect(running.child.exitCode).toBeNull();
    running.child.kill('SIGTERM');
    await until('it is gone', () => running.child.exitCode !== null);
    expect(running.child.exitCode).toBe(1);
    expect(await cut).toBe('cut');
  });

  test('SIGTERM: an answer that outlasts the grace is told so, over HTTP and gRPC', async () => {
    const running = await start({ ZEN_GRACE: '300ms' });
    const answer = await running.ask(50_000);
    const rpc = client(GatewayServiceDefinition, running.grpc);
    const drain = (async () => {
      const request = { model: 'paced', messages: [{ role: 'user', content: 'hi' }], maxTokens: 50_000 };
      for await (const _ of rpc.chat(request));
    })();
    const ended = expect(drain).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await until('both run', () => thinker.active === 2);
    running.child.kill('SIGTERM');
    const events = await eventsOf(answer);
    expect(JSON.parse(events.pop() ?? '')).toMatchObject({ error: { code: 'unavailable' } });
    await ended;
    rpc.close();
    await until('it is gone', () => running.child.exitCode !== null);
    expect(running.child.exitCode).toBe(0);
    await until('the thinker was told', () => thinker.active === 0);
  });

  test('kill -9 in mid-stream: the thinker is freed, and a restart serves at once', async () => {
    const running = await start();
    const answer = await running.ask(50_000);
    running.child.kill('SIGKILL');
    await expect(answer.text()).rejects.toThrow();
    await until('the thinker is free', () => thinker.active === 0);
    const again = await start({ ZEN_LISTEN: running.http, ZEN_GRPC_LISTEN: running.grpc });
    expect((await eventsOf(await again.ask(2))).pop()).toBe('[DONE]');
  });

  test('SIGHUP reads the keys again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zen-keys-'));
    const [first, second] = await Promise.all([hashKey(), hashKey()]);
    await writeFile(join(folder, 'keys'), first.line);
    const running = await start({ ZEN_API_KEYS: folder });
    const status = async (key: string) =>
      (await fetch(`http://${running.http}/v1/models`, { headers: { authorization: `Bearer ${key}` } }))
        .status;
    expect(await status(first.key)).toBe(200);
    expect(await status(second.key)).toBe(401);
    await writeFile(join(folder, 'more'), second.line);
    running.child.kill('SIGHUP');
    await until('the second key works', async () => (await status(second.key)) === 200);
    expect(running.log()).not.toContain(first.key);
    expect(running.log()).not.toContain(second.key);
    await rm(folder, { recursive: true });
  });

  test.each([
    ['HTTP for other machines, no keys', { ZEN_LISTEN: '0.0.0.0:0' }, 'ZEN_LISTEN'],
    ['gRPC for other machines, no keys', { ZEN_GRPC_LISTEN: '[::]:0' }, 'ZEN_GRPC_LISTEN'],
    ['a key file that is not there', { ZEN_API_KEYS: '/nowhere/keys' }, '/nowhere/keys'],
    ['an empty key file', { ZEN_API_KEYS: '/dev/null' }, 'ZEN_API_KEYS'],
    ['a bad value', { ZEN_GRACE: 'soon' }, 'ZEN_GRACE'],
  ])('refuses to start: %s', async (_, env, name) => {
    const failed = promisify(execFile)(process.execPath, [MAIN], {
      env: { ZEN_LISTEN: '127.0.0.1:0', ZEN_GRPC_LISTEN: '127.0.0.1:0', ...env },
    });
    await expect(failed).rejects.toMatchObject({ stderr: expect.stringContaining(name) });
  });

  test('serves other machines without keys only where that is said', async () => {
    const running = await start({ ZEN_LISTEN: '0.0.0.0:0', ZEN_ALLOW_ANONYMOUS: 'true' });
    expect(running.http).toMatch(/^0\.0\.0\.0:\d+$/);
  });

  async function hashKey(): Promise<{ key: string; line: string }> {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      MAIN,
      'hash-key',
      '--tenant',
      'acme',
    ]);
    return { line: stdout, key: /zen_\S+/.exec(stderr)?.[0] ?? '' };
  }
});
