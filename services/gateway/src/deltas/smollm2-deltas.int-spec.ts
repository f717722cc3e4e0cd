import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { deltaModel } from '@zen/deltas';
import { openLadder } from '@zen/ladder';
import { createLogger } from '@zen/telemetry';
import { DeltaStoreProcess, deltaStoreMissing, randomDelta } from '@zen/testing';
import { settings } from '../config';
import { type Gateway, startGateway } from '../gateway';
import { eventsOf, until } from '../gateway.fixture';
import { type RealThinker, realLadder, startRealThinker } from '../smollm2.fixture';
import { apiError, keyOf, openaiOf } from './personal.fixture';

jest.setTimeout(300_000);

const ladder = realLadder();
const missing = 'missing' in ladder ? ladder.missing : deltaStoreMissing();
if (missing) process.stdout.write(`skipped: SmolLM2 with deltas: ${missing}\n`);
const folder = 'folder' in ladder ? ladder.folder : '';

/** Everything is real: gateway, two thinkers with SmolLM2 in processes of their own, and the store in another. */
(missing ? describe.skip : describe)('SmolLM2 with deltas', () => {
  let home: string;
  let store: DeltaStoreProcess;
  let thinkers: RealThinker[];
  let gateway: Gateway;
  let url = '';
  let model = '';
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'zen-gateway-deltas-'));
    store = await DeltaStoreProcess.start();
    const lines = ['acme', 'rival'].map(
      (key) => `sha256:${createHash('sha256').update(keyOf(key)).digest('hex')} tenant=${key} deltas=admin`,
    );
    await writeFile(join(home, 'keys'), lines.join('\n'));
    const deltas = { ZEN_DELTA_STORE: store.address, ZEN_SERVICE_KEY: store.serviceKeyFile };
    thinkers = await Promise.all(
      ['a', 'b'].map((name) =>
        startRealThinker(folder, {
          ...deltas,
          ZEN_HOME: join(home, name),
          ZEN_THREADS: '1',
          ZEN_KV_BYTES: '64MiB',
          ZEN_CONTEXT_TOKENS: '1024',
          ZEN_DELTA_SLOTS: '4',
        }),
      ),
    );
    const config = readConfig(settings, {
      ...deltas,
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_GRPC_LISTEN: '127.0.0.1:0',
      ZEN_THINKERS: thinkers.map(({ address }) => address).join(','),
      ZEN_MAX_QUEUE: '1h',
      ZEN_RESUME_WAIT: '120s',
      ZEN_DELTA_TIMEOUT: '30s',
      ZEN_API_KEYS: join(home, 'keys'),
    });
    gateway = await startGateway(config, createLogger('gateway', 'silent'));
    url = `http://${gateway.httpAddress}`;
    await until('both thinkers have every stage', async () => {
      const headers = { authorization: `Bearer ${keyOf('acme')}` };
      const models = await (await fetch(`${url}/v1/models`, { headers })).json();
      const ready = await (await fetch(`${url}/readyz`)).json();
      const [one] = (models as { data: { id: string; stages: { attached: boolean }[] }[] }).data ?? [];
      model = one?.id ?? '';
      const { up } = (ready as { replicas: { up: number } }).replicas;
      return up === 2 && (one?.stages.every(({ attached }) => attached) ?? false);
    });
  });
  afterAll(async () => {
    await gateway?.stop();
    await Promise.all((thinkers ?? []).map((thinker) => thinker.end('SIGKILL')));
    await store?.remove();
    await rm(home, { recursive: true, force: true });
  });

  /** A delta that changes what SmolLM2 says, over its own base unless another is named. */
  async function fileOf(seed: number, base?: string): Promise<Buffer> {
    const { config } = await openLadder(folder);
    return randomDelta({
      base: base ?? `sha256:${config.source.tensorsSha256}`,
      model: deltaModel(config.model),
      recipe: 'lora1',
      scale: 2 ** -5,
      seed,
    }).file;
  }
  async function admin(method: string, path: string, body?: Buffer | object) {
    const headers: Record<string, string> = { authorization: `Bearer ${keyOf('acme')}` };
    const init: RequestInit = { method, headers };
    if (Buffer.isBuffer(body)) {
      headers['content-type'] = 'application/octet-stream';
      init.body = new Uint8Array(body);
    } else if (body) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    const response = await fetch(`${url}/v1/deltas${path}`, init);
    const answer = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer as { id: string; data: { generation: number }[] };
  }
  /** Publishes over HTTP and points an alias there, wherever that was. */
  async function publish(seed: number, alias: string, base?: string): Promise<string> {
    const { id } = await admin('POST', '', await fileOf(seed, base));
    await admin('PUT', `/aliases/${alias}`, { digest: id, expected_generation: await generationOf(alias) });
    return id;
  }
  async function generationOf(alias: string): Promise<number> {
    const { data } = await admin('GET', `/aliases/${alias}/history?limit=1`).catch(() => ({ data: [] }));
    return data[0]?.generation ?? 0;
  }
  // However busy the machine: another stage would say something else.
  const STAGE = { 'x-zen-stage': '4' };
  const STORY = 'Once upon a time there was a lighthouse keeper who';
  async function ask(name: string, { prompt = STORY, tokens = 16, key = 'acme' } = {}) {
    const { data, response } = await openaiOf({ url }, key)
      .completions.create({ model: name, prompt, max_tokens: tokens, temperature: 0 }, { headers: STAGE })
      .withResponse();
    const cached = data.usage?.prompt_tokens_details?.cached_tokens ?? 0;
    return { text: data.choices[0]?.text, digest: response.headers.get('x-zen-delta'), cached };
  }

  test('each delta answers in its own way, and the base as if there were none (promises 2 and 6)', async () => {
    const base = await ask(model);
    const [one, two] = [await publish(1, 'one'), await publish(2, 'two')];
    const answers = await Promise.all(
      [`${model}:one`, `${model}:two`, model, `${model}:${one}`].map((name) => ask(name)),
    );
    expect(answers.map(({ digest }) => digest)).toEqual([one, two, null, one]);
    const [first, second, again, byDigest] = answers.map(({ text }) => text);
    expect(new Set([base.text, first, second]).size).toBe(3);
    expect([again, byDigest]).toEqual([base.text, first]);
  });

  test('no cached prompt is shared across tenants or deltas (promise 4)', async () => {
    await publish(3, 'cached');
    const prompt = `${randomUUID()} ${'A prompt that is long enough to fill some blocks of the cache. '.repeat(8)}`;
    const cachedOf = async (name: string, key: string) =>
      (await ask(name, { prompt, tokens: 1, key })).cached;
    for (const [name, key] of [
      [model, 'acme'],
      [model, 'rival'],
      [`${model}:cached`, 'acme'],
    ] as const) {
      expect(await cachedOf(name, key)).toBe(0);
      // Where it went before, sooner or later.
      await until('its own is found again', async () => (await cachedOf(name, key)) > 16);
    }
  });

  test('another base, a deleted and a damaged delta are errors by name (promise 2)', async () => {
    const failure = async (name: string) => {
      const { status, code } = await apiError(ask(`${model}:${name}`));
      return [status, code];
    };
    await publish(4, 'foreign', `sha256:${'cd'.repeat(32)}`);
    expect(await failure('foreign')).toEqual([409, 'delta_wrong_base']);
    const gone = await publish(5, 'gone');
    await admin('DELETE', `/aliases/gone?expected_generation=${await generationOf('gone')}`);
    await admin('DELETE', `/${gone}`);
    expect(await failure('gone')).toEqual([404, 'delta_not_found']);
    expect(await failure(gone)).toEqual([410, 'delta_revoked']);
    const before = new Set((await filesOf(store.storage)).map(({ path }) => path));
    await publish(6, 'damaged');
    const added = (await filesOf(store.storage)).filter(({ path }) => !before.has(path));
    // The largest of what it wrote holds the delta's data.
    const [blob] = added.sort((a, b) => b.bytes - a.bytes);
    const bytes = await readFile(blob!.path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(blob!.path, bytes);
    expect(await failure('damaged')).toEqual([500, 'delta_corrupt']);
    expect(await failure('never-there')).toEqual([404, 'delta_not_found']);
  });

  test('its thinker is killed and its alias moved: the answer goes on with its digest, byte for byte (promise 3)', async () => {
    const digest = await publish(7, 'travels');
    const authorization = `Bearer ${keyOf('acme')}`;
    const body = {
      model: `${model}:travels`,
      prompt: STORY,
      max_tokens: 300,
      temperature: 0,
      ignore_eos: true,
    };
    const post = (more: object) =>
      fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization, ...STAGE },
        body: JSON.stringify({ ...body, ...more }),
      });
    const whole = (await (await post({})).json()) as { choices: { text: string }[] };
    const response = await post({ stream: true });
    expect(response.headers.get('x-zen-delta')).toBe(digest);
    await publish(8, 'travels');
    const rungs = await (await fetch(`${url}/debug/rungs`, { headers: { authorization } })).json();
    const { replicas } = (rungs as { groups: { replicas: { id: string; sequences: number }[] }[] })
      .groups[0]!;
    const busy = replicas.find(({ sequences }) => sequences > 0)?.id;
    await thinkers.find(({ address }) => address === busy)?.end('SIGKILL');
    const text = (await eventsOf(response))
      .filter((event) => event !== '[DONE]')
      .map((event) => JSON.parse(event).choices?.[0]?.text ?? event)
      .join('');
    expect(text).toBe(whole.choices[0]?.text);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^zen_gateway_migrations_total\{type="lost"\} [1-9]/m);
    expect((await ask(`${model}:travels`)).digest).not.toBe(digest);
  });
});

async function filesOf(folder: string): Promise<{ path: string; bytes: number }[]> {
  const names = await readdir(folder, { recursive: true });
  const all = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), info: await stat(join(folder, name)) })),
  );
  return all.flatMap(({ path, info }) => (info.isFile() ? [{ path, bytes: info.size }] : []));
}
