import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  DeltaStoreProcess,
  deltaStoreMissing,
  PacedThinker,
  randomDelta,
  TYPESCRIPT_RUNNER,
} from '@zen/testing';

jest.setTimeout(180_000);

const MAIN = [TYPESCRIPT_RUNNER, join(__dirname, '../../main.ts')] as const;
const GATEWAY = join(__dirname, '../../../../services/gateway/dist/main.js');
const KEY = `zen_${'k'.repeat(40)}`;
const missing = deltaStoreMissing();
if (missing) process.stdout.write(`skipped: zen delta and a gateway: ${missing}\n`);

/** `zen delta` against a gateway and a delta-store in processes of their own. */
(missing ? describe.skip : describe)('zen delta and a gateway', () => {
  const thinker = new PacedThinker();
  let store: DeltaStoreProcess;
  let gateway: ChildProcess;
  let url = '';

  beforeAll(async () => {
    store = await DeltaStoreProcess.start();
    const digest = createHash('sha256').update(KEY).digest('hex');
    writeFileSync(join(store.folder, 'keys'), `sha256:${digest} tenant=acme deltas=admin`);
    gateway = spawn(process.execPath, [GATEWAY], {
      env: {
        ZEN_LISTEN: '127.0.0.1:0',
        ZEN_GRPC_LISTEN: '127.0.0.1:0',
        ZEN_THINKERS: await thinker.start(),
        ZEN_API_KEYS: join(store.folder, 'keys'),
        ZEN_DELTA_STORE: store.address,
        ZEN_SERVICE_KEY: store.serviceKeyFile,
        ZEN_DELTA_TIMEOUT: '30s',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: gateway.stdout! })) {
      const { msg, http } = JSON.parse(line) as { msg: string; http?: string };
      if (msg !== 'listening') continue;
      url = `http://${http}`;
      break;
    }
  });
  afterAll(async () => {
    gateway.kill('SIGKILL');
    await once(gateway, 'exit');
    await thinker.stop();
    await store.remove();
  });

  async function zen(...args: string[]) {
    const child = spawn(process.execPath, ['-r', ...MAIN, 'delta', ...args, '--url', url], {
      env: { ...process.env, ZEN_API_KEY: KEY },
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += chunk));
    child.stderr.on('data', (chunk) => (said.stderr += chunk));
    const [code] = await once(child, 'close');
    return { code, ...said };
  }
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await zen(...args, '--json');
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  function fileOf(seed: number): { path: string; digest: string } {
    const model = { layers: 2, hidden: 64, ffn: 128, heads: 2, kvHeads: 2, headSize: 32 };
    const base = `sha256:${'ab'.repeat(32)}`;
    const { file, digest } = randomDelta({ base, model, recipe: 'lora1', scale: 2 ** -8, seed });
    const path = join(store.folder, `${digest.slice(7, 15)}.delta`);
    writeFileSync(path, file);
    return { path, digest };
  }

  test('publish, list, alias, rm, quota and erase', async () => {
    const [one, two] = [fileOf(1), fileOf(2)];
    expect(await json('publish', one.path, '--alias', 'users/alice')).toMatchObject({
      id: one.digest,
      alias: { name: 'users/alice', generation: 1 },
    });
    await json('publish', two.path);
    expect(await json('alias', 'users/alice', two.digest)).toMatchObject({ generation: 2 });
    expect(await json('alias', 'users/alice')).toMatchObject({ digest: two.digest });
    expect(await json('alias', 'users/alice', '--history')).toHaveLength(2);
    const lost = await zen('alias', 'users/alice', one.digest, '--expect', '1');
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringContaining('409') });
    const listed = await json('list');
    expect(listed).toHaveLength(2);
    expect(listed).toContainEqual(expect.objectContaining({ id: two.digest, aliases: ['users/alice'] }));
    expect(await json('rm', one.digest)).toMatchObject({ id: one.digest });
    expect(await json('quota')).toMatchObject({ object: 'delta.quota' });
    expect(await json('alias', 'users/alice', '--rm')).toMatchObject({ digest: null, generation: 3 });
    const slip = await zen('erase', '--confirm', 'acne');
    expect(slip).toMatchObject({ code: 1, stderr: expect.stringContaining('confirm_tenant') });
    expect(await json('erase', '--confirm', 'acme')).toMatchObject({ object: 'delta.erasure' });
    expect(await json('list')).toEqual([]);
  });

  test('what is no delta is refused, and says so', async () => {
    const path = join(store.folder, 'bad.delta');
    writeFileSync(path, 'this is no delta, and it is long enough for a header');
    const { code, stderr } = await zen('publish', path);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('400 from /v1/deltas') });
  });
});
