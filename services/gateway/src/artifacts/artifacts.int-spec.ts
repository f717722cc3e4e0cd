import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LadderDownload, NO_SETTINGS } from '@zen/distribution';
import { openLadder } from '@zen/ladder';
import { type SampleLadder, writeSampleLadder } from '@zen/testing';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';

jest.setTimeout(120_000);

const scratch = mkdtempSync(join(tmpdir(), 'zen-artifacts-'));
const signal = new AbortController().signal;
let sample: SampleLadder;
let running: Running;

beforeAll(async () => {
  sample = writeSampleLadder(join(scratch, 'shelf', 'model', 'full'));
  writeSampleLadder(join(scratch, 'alone'), 2);
  writeFileSync(join(scratch, 'shelf', 'secret.txt'), 'secret');
  writeFileSync(join(sample.folder, 'blobs', 'sha256', '0'.repeat(64)), 'not in the manifest');
  running = await openGateway([new PacedThinker()], {
    ZEN_ARTIFACTS: `${join(scratch, 'shelf')}, ${join(scratch, 'alone')}`,
  });
});
afterAll(async () => {
  await running.stop();
  rmSync(scratch, { recursive: true });
});

const hexOf = (digest: string) => digest.slice('sha256:'.length);
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${running.url}/artifacts/${path}`, { method, headers });
const stageBlob = async (stage: number) => {
  const { manifest } = await openLadder(sample.folder);
  return `model/full/blobs/sha256/${hexOf(manifest.layers[stage]!.digest)}`;
};

/** Sends a path as it is; fetch() would tidy it up. */
function rawStatus(path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(running.url);
    request({ hostname, port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('/artifacts', () => {
  it('gives a whole ladder to zen pull', async () => {
    const download = await LadderDownload.open(`${running.url}/artifacts/model/full`, {
      home: join(scratch, 'home'),
      strategy: 'aggressive',
      bytesPerSecond: null,
      signal,
    });
    expect(download.digest).toBe(sample.digest);
    await download.run(signal);
    const { stagePaths } = await openLadder(download.folder);
    stagePaths.forEach((path, stage) => {
      expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
    });
    expect(download.progress().bytesReceived).toBe(sample.totalBytes);
  });

  it('gives ranges, whole files and heads', async () => {
    const path = await stageBlob(0);
    const part = await get(path, { range: 'bytes=1000-1999' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 1000-1999/${sample.blobs[0]!.length}`);
    expect(Buffer.from(await part.arrayBuffer()).equals(sample.blobs[0]!.subarray(1000, 2000))).toBe(true);
    const whole = await get(path);
    expect(whole.status).toBe(200);
    expect(
      createHash('sha256')
        .update(Buffer.from(await whole.arrayBuffer()))
        .digest('hex'),
    ).toBe(path.split('/').at(-1));
    const head = await get(path, {}, 'HEAD');
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(sample.blobs[0]!.length));
    const beyond = await get(path, { range: 'bytes=999999999-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([
      416,
      `bytes */${sample.blobs[0]!.length}`,
    ]);
  });

  it('lets blobs be kept for ever and the index only until it changes', async () => {
    const path = await stageBlob(1);
    const first = await get(path, {}, 'HEAD');
    const etag = first.headers.get('etag')!;
    expect(etag).toBe(`"sha256:${path.split('/').at(-1)}"`);
    expect(first.headers.get('cache-control')).toMatch(/immutable/);
    expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
    expect((await get(path, { 'if-none-match': '"other"' }, 'HEAD')).status).toBe(200);
    expect((await get(path, { range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
    const changed = await get(path, { range: 'bytes=0-0', 'if-range': '"other"' });
    expect(changed.status).toBe(200);
    await changed.body?.cancel();
    const index = await get('model/full/index.json');
    expect(index.headers.get('cache-control')).toBe('no-cache');
    expect(index.headers.get('etag')).toBe(`"${sample.digest}"`);
    expect((await get('model/full/index.json', { 'if-none-match': `"${sample.digest}"` })).status).toBe(304);
    expect(await (await get('model/full/oci-layout')).json()).toEqual({ imageLayoutVersion: '1.0.0' });
    expect((await get('alone/index.json')).status).toBe(200);
  });

  it.each([
    ['a blob that the manifest does not name', `model/full/blobs/sha256/${'0'.repeat(64)}`],
    ['a ladder that is not there', 'other/full/index.json'],
    ['a file beside the ladders', 'secret.txt'],
    ['a folder', 'model/full'],
    ['a way out', 'model/full/../../secret.txt'],
    ['a hidden way out', 'model/full/%2e%2e%2f%2e%2e%2fsecret.txt/index.json'],
    ['a way out in the name', '..%2f..%2fetc/index.json'],
    ['an absolute path', '%2fetc/index.json'],
    ['a digest in capitals', `model/full/blobs/sha256/${'A'.repeat(64)}`],
    ['a NUL', 'model%00/full/index.json'],
  ])('does not give %s', async (_, path) => {
    expect(await rawStatus(`/artifacts/${path}`)).toBe(404);
  });

  it('takes GET and HEAD alone', async () => {
    expect((await get('alone/index.json', {}, 'DELETE')).status).toBe(404);
  });
});

describe('/artifacts with keys', () => {
  const key = `zen-${'k'.repeat(40)}`;
  let open: Running;

  beforeAll(async () => {
    const path = join(scratch, 'keys');
    writeFileSync(path, `sha256:${createHash('sha256').update(key).digest('hex')} tenant=edge\n`, {
      mode: 0o600,
    });
    open = running;
    running = await openGateway([new PacedThinker()], {
      ZEN_ARTIFACTS: join(scratch, 'shelf'),
      ZEN_API_KEYS: path,
    });
  });
  afterAll(async () => {
    await running.stop();
    running = open;
  });

  it('wants one, however the address is spelled', async () => {
    for (const path of ['/artifacts/model/full/index.json', '/%61rtifacts/model/full/index.json']) {
      expect(await rawStatus(path)).toBe(401);
      expect(await rawStatus(path, { authorization: `Bearer ${key}` })).toBe(200);
    }
  });

  it('gives a ladder to a client that has it', async () => {
    const uri = `${running.url}/artifacts/model/full`;
    const options = {
      home: join(scratch, 'keyed'),
      strategy: 'balanced' as const,
      bytesPerSecond: null,
      signal,
    };
    await expect(LadderDownload.open(uri, options)).rejects.toMatchObject({ failure: 'unauthorized' });
    const download = await LadderDownload.open(uri, {
      ...options,
      settings: { ...NO_SETTINGS, originKey: key },
    });
    await download.run(signal);
    expect(download.progress().bytesKept).toBe(sample.totalBytes);
  });

  it('counts bytes and requests against the key’s own limits, and sends again when there is room', async () => {
    const small = `zen-${'s'.repeat(40)}`;
    const hash = createHash('sha256').update(small).digest('hex');
    const keys = join(scratch, 'small-keys');
    const [first] = sample.blobs as [Buffer];
    writeFileSync(keys, `sha256:${hash} tenant=small artifact-bpm=${first.length}\n`, { mode: 0o600 });
    const limited = await openGateway([new PacedThinker()], {
      ZEN_ARTIFACTS: join(scratch, 'shelf'),
      ZEN_API_KEYS: keys,
    });
    const path = `${limited.url}/artifacts/${await stageBlob(0)}`;
    const fetchIt = (headers: Record<string, string> = {}, method = 'GET') =>
      fetch(path, { method, headers: { authorization: `Bearer ${small}`, ...headers } });
    expect((await (await fetchIt()).arrayBuffer()).byteLength).toBe(first.length);
    const refused = await fetchIt();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    // What is not sent costs nothing.
    expect((await fetchIt({}, 'HEAD')).status).toBe(200);
    expect((await fetchIt({ range: 'bytes=999999999-' })).status).toBe(416);
    await until('a little is there again', async () => {
      const part = await fetchIt({ range: 'bytes=0-0' });
      await part.arrayBuffer();
      return part.status === 206;
    });
    await limited.stop();
  });
});
