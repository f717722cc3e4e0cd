import { openGateway, PacedThinker, type Running } from '../gateway.fixture';
import { browserMissing } from './browser.fixture';

const missing = browserMissing();
const unbuilt = missing?.includes('not built') ? missing : null;
if (unbuilt) console.warn(`skipped: ${unbuilt}`);

(unbuilt ? describe.skip : describe)('the page over HTTP', () => {
  const thinker = new PacedThinker();
  let running: Running;
  beforeAll(async () => {
    running = await openGateway([thinker]);
  });
  afterAll(() => running.stop());

  const get = (path: string, headers: Record<string, string> = {}) => fetch(running.url + path, { headers });
  const html = { accept: 'text/html,*/*;q=0.8' };

  test('a browser gets the page, another client the routes', async () => {
    const page = await get('/', html);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('<div id="app">');
    expect(await (await get('/')).json()).toMatchObject({ name: 'zen gateway' });
  });

  test('nothing inline, nothing from elsewhere, and a policy that holds it to that', async () => {
    const response = await get('/', html);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const text = await response.text();
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|https?:\/\//);
    for (const [, attributes, body] of text.matchAll(/<script([^>]*)>([^<]*)/g)) {
      expect(attributes).toContain('src=');
      expect(body).toBe('');
    }
  });

  test('assets are compressed and kept for good, the page is asked for again', async () => {
    const page = await get('/', html);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const etag = page.headers.get('etag') ?? '';
    expect((await get('/', { ...html, 'if-none-match': etag })).status).toBe(304);
    const [, script = ''] = /src="\.(\/assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
    const asset = await get(script, { 'accept-encoding': 'gzip' });
    expect(asset.headers.get('content-encoding')).toBe('gzip');
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect(asset.headers.get('content-type')).toContain('text/javascript');
    const plain = await get(script, { 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.text()).toBe(await asset.text());
  });

  test.each(['/assets/none.js', '/assets/..%2f..%2fpackage.json', '/assets/%2e%2e/index.html'])(
    'nothing else is served: %s',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { code: 'not_found' } });
    },
  );
});

test('ZEN_WEB=off: no page', async () => {
  const running = await openGateway([new PacedThinker()], { ZEN_WEB: 'off' });
  const response = await fetch(running.url, { headers: { accept: 'text/html' } });
  expect(await response.json()).toMatchObject({ name: 'zen gateway' });
  await running.stop();
});
