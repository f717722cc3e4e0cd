import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { PacedThinker } from '@zen/testing';
import { type CallOptions, ZenClient } from '.';

jest.setTimeout(60_000);

const MAIN = join(__dirname, '../../../services/gateway/dist/main.js');
const HELLO = { messages: [{ role: 'user', content: 'hello' }], maxTokens: 2 };

/** Gateways as processes, each before a thinker of its own, so that an answer says which one gave it. */
describe('client', () => {
  const thinkers = ['a', 'b'].map((name) => new PacedThinker({ pieceMs: 5, piece: () => name }));
  const gateways: ChildProcess[] = [];
  const addresses: string[] = [];
  const clients: ZenClient[] = [];

  async function start(thinker: string, env: Record<string, string> = {}): Promise<string> {
    const child = spawn(process.execPath, [MAIN], {
      env: { ZEN_LISTEN: '127.0.0.1:0', ZEN_GRPC_LISTEN: '127.0.0.1:0', ZEN_THINKERS: thinker, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    gateways.push(child);
    let address = '';
    let connected = false;
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const { msg, grpc } = JSON.parse(line) as { msg: string; grpc?: string };
      if (msg === 'listening') address = grpc ?? '';
      connected ||= msg === 'thinker connected' || msg === 'thinker is down';
      if (address && connected) break;
    }
    child.stdout?.resume();
    return address;
  }
  const connect = (to: readonly string[], options: object = {}) => {
    const client = new ZenClient({ gateways: to, ...options });
    clients.push(client);
    return client;
  };
  const say = async (client: ZenClient, request: object = HELLO, options: CallOptions = {}) => {
    let text = '';
    for await (const event of client.chat(request, options))
      if (event.type === 'piece') text += event.piece.text;
    return text;
  };

  beforeAll(async () => {
    for (const thinker of thinkers) addresses.push(await start(await thinker.start()));
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    for (const gateway of gateways.filter(({ exitCode, signalCode }) => exitCode === null && !signalCode)) {
      gateway.kill('SIGKILL');
      await once(gateway, 'exit');
    }
    await Promise.all(thinkers.map((thinker) => thinker.stop()));
  });

  test('takes turns between gateways', async () => {
    const client = connect(addresses);
    await say(client);
    const texts: string[] = [];
    while (texts.length < 20 || new Set(texts).size < 2) texts.push(await say(client));
    expect(new Set(texts)).toEqual(new Set(['aa', 'bb']));
    expect(texts.filter((text) => text === 'aa').length).toBeGreaterThanOrEqual(5);
  });

  test('completes text, lists models', async () => {
    const client = connect(addresses);
    const events: string[] = [];
    for await (const { type } of client.complete({ prompt: 'x', maxTokens: 2 })) events.push(type);
    expect(events).toEqual(['started', 'piece', 'piece', 'finished']);
    expect((await client.listModels()).map(({ id }) => id)).toEqual(['paced']);
  });

  test('a gateway that cannot answer costs nothing', async () => {
    // Nothing listens at its thinker, so it refuses everything with UNAVAILABLE.
    const client = connect([await start('127.0.0.1:1'), ...addresses]);
    const texts = await Promise.all([...Array(12)].map(() => say(client)));
    expect(texts.every((text) => text === 'aa' || text === 'bb')).toBe(true);
  });

  test('a gateway that is killed costs no new call', async () => {
    const doomed = await start(thinkers[0]?.address ?? '');
    const client = connect([doomed, addresses[1] as string]);
    for (let calls = 0; calls < 4; calls++) await say(client);
    gateways.at(-1)?.kill('SIGKILL');
    const texts = await Promise.all([...Array(10)].map(() => say(client)));
    expect(texts.every((text) => text === 'aa' || text === 'bb')).toBe(true);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('answers go on where %s ends their gateway', async (signal) => {
    // Answers stand still in their middle until the gateway is gone: none of them is through before.
    let go: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      go = resolve;
    });
    let held = 0;
    const before = (index: number) => {
      if (index !== 100) return;
      held++;
      return gone;
    };
    const thinker = new PacedThinker({ pieceMs: 1, before });
    const address = await thinker.start();
    const env = { ZEN_RESUME_KEY: 'a key that both gateways have', ZEN_GRACE: '0s' };
    const both = [await start(address, env), await start(address, env)];
    const client = connect(both);
    // Calls take turns between the gateways that are connected; after a few both are.
    for (let calls = 0; calls < 20; calls++) await say(client);
    const request = { ...HELLO, maxTokens: 200 };
    const texts = [...Array(6)].map(() => say(client, request));
    while (held < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    const doomed = gateways.at(-1) as ChildProcess;
    doomed.kill(signal);
    await once(doomed, 'exit');
    go();
    const whole = [...Array(200).keys()].map((at) => `w${at} `).join('');
    expect(new Set(await Promise.all(texts))).toEqual(new Set([whole]));
    // More than were asked: some had to go on, and did.
    expect(thinker.requests.length).toBeGreaterThan(26);
    await thinker.stop();
  });

  test('abort, deadline and leaving the loop end the answer at its thinker', async () => {
    const [thinker] = thinkers as [PacedThinker];
    const client = connect([addresses[0] as string]);
    await say(client);
    const long = { ...HELLO, maxTokens: 5000 };
    const before = thinker.cancelled;
    const late = say(client, long, { timeoutMs: 2000 });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const stopping = new AbortController();
    const stopped = async () => {
      for await (const { type } of client.chat(long, { signal: stopping.signal }))
        if (type === 'piece') stopping.abort();
    };
    await expect(stopped()).rejects.toMatchObject({ code: 'CANCELLED' });
    for await (const event of client.chat(long)) if (event.type === 'piece') break;
    for (let tries = 0; thinker.cancelled < before + 3 && tries < 1000; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(thinker.cancelled).toBe(before + 3);
  });

  test('keys are sent, and a refusal says when to come again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zen-keys-'));
    try {
      const key = 'zen-test-key-of-a-good-length-0123456789';
      const run = promisify(execFile)(process.execPath, [
        MAIN,
        'hash-key',
        '--tenant',
        'one',
        '--rpm',
        '1',
        '--stdin',
      ]);
      run.child.stdin?.end(key);
      writeFileSync(join(folder, 'keys.json'), (await run).stdout);
      const to = [await start(thinkers[0]?.address ?? '', { ZEN_API_KEYS: join(folder, 'keys.json') })];
      await expect(say(connect(to))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      const known = connect(to, { apiKey: key });
      expect(await say(known)).toBe('aa');
      const refused = { code: 'RESOURCE_EXHAUSTED', retryAfterMs: expect.any(Number) };
      await expect(say(known)).rejects.toMatchObject(refused);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    ['ES modules', 'mjs', (code: string) => code],
    ['CommonJS', 'cjs', commonJs],
  ])("the README's example runs, as %s", async (_, extension, made) => {
    const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
    const [, example = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const file = join(__dirname, `../readme-example.${extension}`);
    writeFileSync(file, made(example.replace('zen-gateway-headless:50050', addresses[1] as string)));
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: join(__dirname, '..') });
      expect(stdout).toBe('bbbbbbbb\n8 tokens\n');
    } finally {
      rmSync(file);
    }
  });
});

function commonJs(code: string): string {
  const required = code.replace(/import (.*) from (.*);/, 'const $1 = require($2);');
  return `(async () => {${required}})();`;
}
