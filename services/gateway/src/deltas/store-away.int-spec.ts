import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayServiceDefinition } from '@zen/contracts';
import { client, RpcError } from '@zen/rpc';
import OpenAI, { APIError } from 'openai';
import { chatOf, openGateway, PacedThinker, type Running } from '../gateway.fixture';

jest.setTimeout(60_000);

const places = { slots: 4, slotsTaken: 0, slotsPinned: 0, slotBytes: 10n ** 6n };
const keyOf = (name: string) => `zen_${name.padEnd(40, '0')}`;
const lineOf = (name: string, more: string) =>
  `sha256:${createHash('sha256').update(keyOf(name)).digest('hex')} tenant=acme ${more}`;

/** A port where nobody listens. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe('a request with a delta while its store is away', () => {
  const thinker = new PacedThinker({ baseDigest: `sha256:${'ab'.repeat(32)}`, deltas: places });
  let folder = '';
  let running: Running;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-deltas-'));
    await writeFile(join(folder, 'service.key'), 'k'.repeat(40));
    const rights = ['none', 'use', 'publish', 'admin'];
    const lines = rights.map((right) => lineOf(right, `deltas=${right}`));
    await writeFile(join(folder, 'keys'), [...lines, lineOf('ruled', 'user-delta=users/{user}')].join('\n'));
    running = await openGateway([thinker], {
      ZEN_DELTA_STORE: await deadAddress(),
      ZEN_SERVICE_KEY: join(folder, 'service.key'),
      ZEN_DELTA_TIMEOUT: '300ms',
      ZEN_API_KEYS: join(folder, 'keys'),
      ZEN_MAX_DELTA: '1MiB',
    });
  });
  afterAll(async () => {
    await running.stop();
    await rm(folder, { recursive: true });
  });
  afterEach(() => expect(thinker.requests).toHaveLength(0));

  const openai = (key: string) =>
    new OpenAI({ baseURL: `${running.url}/v1`, apiKey: keyOf(key), maxRetries: 0 });
  const failureOf = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  };

  test.each([
    ['model', 'paced:users/alice', {}, {}],
    ['x-zen-delta', 'paced', {}, { 'x-zen-delta': 'users/alice' }],
    ['user', 'paced', { user: 'alice' }, {}],
  ])('named by %s it fails by name, and the base does not answer', async (_, model, body, headers) => {
    const ask = openai('ruled').chat.completions.create({ ...chatOf('hi'), ...body, model }, { headers });
    const { status, code, type } = await failureOf(ask);
    expect({ status, code, type }).toEqual({
      status: 503,
      code: 'delta_store_unavailable',
      type: 'server_error',
    });
  });

  test('over gRPC it is UNAVAILABLE', async () => {
    const rpc = client(GatewayServiceDefinition, running.gateway.grpcAddress);
    const metadata = { authorization: `Bearer ${keyOf('use')}` };
    const messages = [{ role: 'user', content: 'hi' }];
    const ask = async () => {
      for await (const _ of rpc.chat({ model: 'paced', messages, delta: 'prod' }, { metadata })) return;
    };
    const error = await ask().then(
      () => undefined,
      (thrown) => RpcError.from(thrown),
    );
    rpc.close();
    expect(error?.code).toBe('UNAVAILABLE');
    expect(error?.metadata['x-zen-failure']).toBe('delta_store_unavailable');
  });

  test.each([
    ['a delta that is none', 'use', { 'x-zen-delta': 'Prod!' }, {}, 'invalid_request', 'x-zen-delta'],
    ['two deltas', 'use', { 'x-zen-delta': 'a' }, { model: 'paced:b' }, 'invalid_request', 'x-zen-delta'],
    ['a user that is no alias', 'ruled', {}, { user: 'A/../b' }, 'invalid_request', 'user'],
    ['a key that may not', 'none', { 'x-zen-delta': 'a' }, {}, 'forbidden', 'x-zen-delta'],
  ])('%s', async (_, key, headers, body, code, param) => {
    const ask = openai(key).chat.completions.create({ ...chatOf('hi'), ...body }, { headers });
    expect(await failureOf(ask)).toMatchObject({ code, param });
  });

  const DIGEST = `sha256:${'cd'.repeat(32)}`;
  test.each([
    ['GET', '/v1/deltas', 'none', 403, 'forbidden', ''],
    ['GET', '/v1/deltas', 'use', 503, 'delta_store_unavailable', ''],
    ['GET', '/v1/deltas?limit=0', 'use', 400, 'invalid_request', 'limit'],
    ['GET', '/v1/deltas?limit=1001', 'use', 400, 'invalid_request', 'limit'],
    ['GET', '/v1/deltas?limit=1&limit=2', 'use', 400, 'invalid_request', 'limit'],
    ['GET', '/v1/deltas/quota', 'use', 503, 'delta_store_unavailable', ''],
    ['GET', '/v1/deltas/sha256:12', 'use', 400, 'invalid_request', 'digest'],
    ['DELETE', `/v1/deltas/${DIGEST}`, 'publish', 403, 'forbidden', ''],
    ['DELETE', `/v1/deltas/${DIGEST}`, 'admin', 503, 'delta_store_unavailable', ''],
    ['GET', '/v1/deltas/aliases/users/Alice', 'use', 400, 'invalid_request', 'name'],
    ['GET', '/v1/deltas/aliases/users/alice/history', 'use', 503, 'delta_store_unavailable', ''],
    ['PUT', '/v1/deltas/aliases/none', 'publish', 400, 'invalid_request', 'name'],
    ['PUT', '/v1/deltas/aliases/a/history', 'publish', 400, 'invalid_request', 'name'],
    ['PUT', '/v1/deltas/aliases/a', 'use', 403, 'forbidden', ''],
    ['PUT', '/v1/deltas/aliases/a', 'publish', 503, 'delta_store_unavailable', ''],
    ['DELETE', '/v1/deltas/aliases/a', 'publish', 400, 'invalid_request', 'expected_generation'],
    ['POST', '/v1/deltas/erase', 'admin', 400, 'invalid_request', 'confirm_tenant'],
    ['POST', '/v1/deltas', 'publish', 415, 'unsupported_media_type', 'content-type'],
    ['GET', '/v1/deltas/builds/a b', 'use', 400, 'invalid_request', 'id'],
    ['POST', '/v1/deltas/builds?base=b&recipe=gzip', 'publish', 400, 'invalid_request', 'recipe'],
  ])('%s %s with deltas=%s is %i %s', async (method, path, key, status, code, param) => {
    const init: RequestInit = { method, headers: { authorization: `Bearer ${keyOf(key)}` } };
    if (method === 'PUT' || method === 'POST') {
      init.body = JSON.stringify({ digest: DIGEST, expected_generation: 0 });
      Object.assign(init.headers!, { 'content-type': 'application/json' });
    }
    const response = await fetch(running.url + path, init);
    expect(await response.json()).toMatchObject({
      error: { code, param: param || null, message: expect.any(String) },
    });
    expect(response.status).toBe(status);
  });

  test('a file above the limit is refused with the limit', async () => {
    const response = await fetch(`${running.url}/v1/deltas`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keyOf('publish')}`, 'content-type': 'application/octet-stream' },
      body: Buffer.alloc(2 ** 20 + 1),
    });
    expect(response.status).toBe(413);
    expect(await response.text()).toContain(String(2 ** 20));
  });
});
