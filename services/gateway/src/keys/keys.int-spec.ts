import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chatOf, openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { digestOf, newKey } from './key-entry';

jest.setTimeout(60_000);

describe('API keys', () => {
  const [plain, limited, floored] = [newKey(), newKey(), newKey()];
  const entry = (key: string, fields: string) => `sha256:${digestOf(key).toString('hex')} ${fields}\n`;
  const stages = [0, 2].map((stage) => {
    return { stage, decodeBaseUs: 1000 * (stage + 1), decodePerSequenceUs: 0, prefillUsPerToken: 0 };
  });
  const thinker = new PacedThinker({ stages });
  let folder: string;
  let file: string;
  let running: Running;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-keys-'));
    file = join(folder, 'keys');
    await writeFile(
      file,
      `# who may call\n${entry(plain, 'tenant=acme')}${entry(limited, 'tenant=small rpm=2 tpm=1000 streams=1 priority=batch')}${entry(floored, 'tenant=fine min-stage=2 tpot-ms=1')}`,
    );
    running = await openGateway([thinker], { ZEN_API_KEYS: file });
  });
  afterAll(async () => {
    await running.stop();
    await rm(folder, { recursive: true });
  });

  const ask = (key: string | null, more: object = {}, headers: Record<string, string> = {}) =>
    running.post('/v1/chat/completions', chatOf('hi', { max_tokens: 1, ...more }), {
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    });

  test.each([
    ['none', null],
    ['an unknown one', newKey()],
    ['its hash', digestOf(plain).toString('hex')],
    ['a very long one', 'k'.repeat(5000)],
  ])('%s is refused', async (_, key) => {
    const response = await ask(key);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
    for (const path of ['/v1/models', '/v1/zen/progress']) {
      expect((await fetch(running.url + path)).status).toBe(401);
    }
  });

  test('a known one is served, as its tenant', async () => {
    expect((await ask(plain)).status).toBe(200);
    expect(thinker.requests.pop()).toMatchObject({ tenant: 'acme' });
  });

  test('probes need none', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await fetch(running.url + path)).status).toBe(200);
    }
  });

  test('its limits hold and are told', async () => {
    const first = await ask(limited);
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('1000');
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^[\d.]+s$/);
    expect(thinker.requests.pop()).toMatchObject({ priority: 1 });
    await first.text();
    await (await ask(limited)).text();
    const third = await ask(limited);
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(await third.json()).toMatchObject({
      error: { code: 'rate_limit_exceeded', type: 'rate_limit_error' },
    });
    // Nobody else pays for it.
    expect((await ask(plain)).status).toBe(200);
  });

  test('its floor holds against its own objective', async () => {
    const response = await ask(floored);
    expect(response.headers.get('x-zen-stage')).toBe('2');
    expect(response.headers.get('x-zen-stage-reason')).toBe('floor');
  });

  test('a changed file counts without a restart, and a broken one changes nothing', async () => {
    const added = newKey();
    await writeFile(file, entry(added, 'tenant=new') + entry(plain, 'tenant=acme'));
    await until('the new key works', async () => (await ask(added)).status === 200);
    expect((await ask(limited)).status).toBe(401);
    await writeFile(file, 'nonsense\n');
    await running.gateway.reloadKeys();
    expect((await ask(added)).status).toBe(200);
  });
});
