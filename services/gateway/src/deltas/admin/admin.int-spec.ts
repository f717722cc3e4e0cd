import { request as httpRequest } from 'node:http';
import { deltaStoreMissing } from '@zen/testing';
import { type Running, until } from '../../gateway.fixture';
import { BASE, deltaFile, keyOf, PersonalFleet, personalThinker } from '../personal.fixture';

jest.setTimeout(180_000);

const missing = deltaStoreMissing();
if (missing) process.stdout.write(`skipped: deltas over HTTP: ${missing}\n`);

const NAME = 'users/alice';

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes are looked at here.
type Json = any;

(missing ? describe.skip : describe)('deltas over HTTP', () => {
  let fleet: PersonalFleet;
  let running: Running;
  beforeAll(async () => {
    fleet = await PersonalFleet.start();
    running = await fleet.gateway([personalThinker()], { ZEN_MAX_DELTA: '128KiB' });
  });
  afterAll(() => fleet.close());

  async function call(method: string, path: string, body?: object | Buffer, key = 'acme') {
    const headers: Record<string, string> = { authorization: `Bearer ${keyOf(key)}` };
    if (body)
      headers['content-type'] = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
    const init: RequestInit = { method, headers };
    if (body) init.body = Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body);
    const response = await fetch(`${running.url}/v1/deltas${path}`, init);
    return { status: response.status, body: (await response.json()) as Json };
  }
  const publish = async (seed: number, key = 'acme'): Promise<string> =>
    (await call('POST', '', deltaFile(seed), key)).body.id;

  test('a file is published once, and is the same to whoever sends it again (promise 1)', async () => {
    const first = await call('POST', '', deltaFile(1));
    expect(first).toMatchObject({
      status: 201,
      body: {
        object: 'delta',
        id: expect.stringMatching(/^sha256:/),
        base_digest: BASE,
        recipe: 'vec',
        bytes: 256,
      },
    });
    expect(await call('POST', '', deltaFile(1))).toEqual({ ...first, status: 200 });
    expect(await call('GET', `/${first.body.id}`)).toEqual({ ...first, status: 200 });
    const flipped = deltaFile(1);
    flipped[flipped.length - 1]! ^= 1;
    expect(await call('POST', '', flipped)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    });
  });

  test('what a tenant has is its own (promise 5)', async () => {
    const digest = await publish(2, 'rival');
    const gone = { status: 404, body: { error: { code: 'delta_not_found' } } };
    expect(await call('GET', `/${digest}`)).toMatchObject(gone);
    expect(await call('PUT', '/aliases/theirs', { digest, expected_generation: 0 })).toMatchObject(gone);
    const { body } = await call('GET', '?limit=1000');
    expect(body.data.map(({ id }: Json) => id)).not.toContain(digest);
  });

  test('an alias moves only from where it is expected (promise 3)', async () => {
    const [first, second] = [await publish(3), await publish(4)];
    const move = (digest: string, expected: number) =>
      call('PUT', `/aliases/${NAME}`, { digest, expected_generation: expected });
    expect(await move(first, 0)).toMatchObject({
      status: 200,
      body: { name: NAME, digest: first, generation: 1 },
    });
    expect(await move(second, 0)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
    expect(await move(second, 1)).toMatchObject({ body: { digest: second, generation: 2 } });
    expect((await call('GET', `/aliases/${NAME}`)).body).toMatchObject({ digest: second, generation: 2 });
    const removed = await call('DELETE', `/aliases/${NAME}?expected_generation=2`);
    expect(removed).toMatchObject({ status: 200, body: { digest: null, generation: 3 } });
    expect((await call('GET', `/aliases/${NAME}`)).status).toBe(404);
    const { body } = await call('GET', `/aliases/${NAME}/history`);
    expect(body.data.map(({ digest }: Json) => digest)).toEqual([null, second, first]);
    expect(await move(first, 3)).toMatchObject({ body: { generation: 4 } });
  });

  test('of two that move one alias exactly one wins', async () => {
    const digests = await Promise.all([5, 6, 7, 8].map((seed) => publish(seed)));
    const races = digests.map((digest) => call('PUT', '/aliases/raced', { digest, expected_generation: 0 }));
    const statuses = (await Promise.all(races)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 409, 409, 409]);
  });

  test('lists come in pages', async () => {
    await Promise.all([10, 11, 12].map((seed) => publish(seed)));
    const seen: string[] = [];
    let after = '';
    do {
      const { body } = await call('GET', `?limit=2${after}`);
      expect(body).toMatchObject({ object: 'list', has_more: body.next !== null });
      expect(body.data.length).toBeLessThanOrEqual(2);
      seen.push(...body.data.map(({ id }: Json) => id));
      after = body.next === null ? '' : `&after=${encodeURIComponent(body.next)}`;
    } while (after !== '');
    const { body } = await call('GET', '?limit=1000');
    expect(seen.sort()).toEqual(body.data.map(({ id }: Json) => id).sort());
    expect(seen.length).toBeGreaterThan(3);
  });

  test('the quota', async () => {
    const before = (await call('GET', '/quota')).body;
    await publish(13);
    const { body } = await call('GET', '/quota');
    expect(body).toMatchObject({ object: 'delta.quota', versions: { used: before.versions.used + 1 } });
    expect(body.bytes.used).toBeGreaterThan(before.bytes.used);
  });

  test('a deleted delta is gone by name, and one that an alias stands for stays', async () => {
    const digest = await publish(14);
    await call('PUT', '/aliases/kept', { digest, expected_generation: 0 });
    expect(await call('DELETE', `/${digest}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict' } },
    });
    await call('DELETE', '/aliases/kept?expected_generation=1');
    expect(await call('DELETE', `/${digest}`)).toEqual({
      status: 200,
      body: { id: digest, object: 'delta', deleted: true },
    });
    expect(await call('GET', `/${digest}`)).toMatchObject({
      status: 410,
      body: { error: { code: 'delta_revoked' } },
    });
  });

  test('erasing needs the tenant’s own name, and touches nobody else (promise 7)', async () => {
    const [mine, theirs] = [await publish(15, 'rival'), await publish(15)];
    const slip = await call('POST', '/erase', { confirm_tenant: 'acme' }, 'rival');
    expect(slip).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', param: 'confirm_tenant' } },
    });
    expect((await call('GET', `/${mine}`, undefined, 'rival')).status).toBe(200);
    expect(await call('POST', '/erase', { confirm_tenant: 'rival' }, 'rival')).toMatchObject({
      status: 200,
      body: { object: 'delta.erasure', key_fingerprint: expect.stringMatching(/./) },
    });
    expect((await call('GET', `/${mine}`, undefined, 'rival')).status).toBe(404);
    expect((await call('GET', '', undefined, 'rival')).body.data).toEqual([]);
    expect((await call('GET', `/${theirs}`)).status).toBe(200);
  });

  describe('an upload', () => {
    /** Sends headers and whatever is written; `answer` is the status, or what broke. */
    function slowly(path = '') {
      const headers = {
        authorization: `Bearer ${keyOf('acme')}`,
        'content-type': 'application/octet-stream',
      };
      const sending = httpRequest(`${running.url}/v1/deltas${path}`, { method: 'POST', headers });
      const answer = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
        sending.on('error', reject);
        sending.on('response', async (response) => {
          let body = '';
          for await (const chunk of response) body += chunk;
          resolve({ status: response.statusCode, body });
        });
      });
      return { sending, answer };
    }

    test('in small pieces over a while is one file', async () => {
      const file = deltaFile(20);
      const { sending, answer } = slowly();
      for (let at = 0; at < file.length; at += 100) {
        sending.write(file.subarray(at, at + 100));
        await new Promise((resolve) => setImmediate(resolve));
      }
      sending.end();
      expect((await answer).status).toBe(201);
    });

    test('that is refused in its middle is answered, and its connection goes on being read', async () => {
      const { sending, answer } = slowly();
      const garbage = Buffer.alloc(4096, 'x');
      let sent = 0;
      const more = setInterval(() => {
        if (sent++ < 8) sending.write(garbage);
        else sending.end();
      }, 5);
      const { status, body } = await answer;
      clearInterval(more);
      sending.destroy();
      expect(status).toBe(400);
      // Its first bytes would be the length of the header.
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'delta_too_large' } });
    });

    test('without a length is cut at the limit', async () => {
      const file = deltaFile(21, { hidden: 65_536 });
      const { sending, answer } = slowly();
      sending.on('error', () => {});
      sending.end(file);
      const { status, body } = await answer;
      expect({ status, code: JSON.parse(body).error.code }).toEqual({ status: 413, code: 'body_too_large' });
    });

    test('whose sender goes away leaves nothing behind', async () => {
      const file = deltaFile(22);
      const { sending, answer } = slowly();
      answer.catch(() => {});
      sending.write(file.subarray(0, file.length - 10));
      await until('it is on its way', async () => {
        const metrics = await (await fetch(`${running.url}/metrics`)).text();
        return /zen_gateway_requests_in_flight [1-9]/.test(metrics);
      });
      sending.destroy();
      await until('it is over', async () => {
        const metrics = await (await fetch(`${running.url}/metrics`)).text();
        return /zen_gateway_requests_in_flight 0/.test(metrics);
      });
      // It was not there before.
      expect((await call('POST', '', file)).status).toBe(201);
    });
  });
});
