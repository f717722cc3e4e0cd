import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobPath, CHUNK_BYTES, openLadder } from '@zen/ladder';
import { type SampleLadder, writeSampleLadder } from '@zen/testing';
import { LadderDownload } from '../download/ladder-download';
import { NO_SETTINGS, type StoreSettings } from '../store/store-settings';
import { startCuttingProxy } from '../testing/cutting-proxy';
import { LOGIN, type Registry, registryMissing, startRegistry } from '../testing/registry';
import { pushLadder } from './push-ladder';

jest.setTimeout(180_000);

const reason = registryMissing();
if (reason) console.warn(`skipped: ${reason}`);

const scratch = mkdtempSync(join(tmpdir(), 'zen-registry-'));
const signal = new AbortController().signal;
const FAST = { baseDelayMs: 5, maxDelayMs: 400, idleMs: 20_000 };
let sample: SampleLadder;
let registry: Registry;
let home: string;

beforeAll(() => {
  sample = writeSampleLadder(join(scratch, 'sample'));
});
afterAll(() => rmSync(scratch, { recursive: true }));
beforeEach(() => {
  home = mkdtempSync(join(scratch, 'home-'));
});

const push = (uri: string, settings: StoreSettings = NO_SETTINGS, folder = sample.folder, stop = signal) =>
  pushLadder(folder, uri, { home, settings, retry: FAST, signal: stop });
const open = (uri: string, settings: StoreSettings = NO_SETTINGS) =>
  LadderDownload.open(uri, {
    home,
    strategy: 'aggressive',
    bytesPerSecond: null,
    settings,
    retry: { ...FAST, attempts: 4 },
    signal,
  });

async function expectPulls(uri: string, settings?: StoreSettings): Promise<void> {
  const download = await open(uri, settings);
  expect(download.digest).toBe(sample.digest);
  await download.run(signal);
  const { stagePaths } = await openLadder(download.folder);
  stagePaths.forEach((path, stage) => {
    expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
  });
  expect(download.progress().bytesReceived).toBe(sample.totalBytes);
}

(reason ? describe.skip : describe)('an open registry', () => {
  beforeAll(async () => {
    registry = await startRegistry(join(scratch, 'open'), 'open');
  });
  afterAll(() => registry.stop());

  it('takes a ladder and gives it back, by tag and by digest', async () => {
    const uri = `oci://${registry.host}/models/sample:v1`;
    expect(await push(uri)).toEqual({
      digest: sample.digest,
      totalBytes: sample.totalBytes,
      skippedBytes: 0,
    });
    await expectPulls(uri);
    home = mkdtempSync(join(scratch, 'home-'));
    await expectPulls(`oci://${registry.host}/models/sample@${sample.digest}`);
  });

  it('is not sent what it has', async () => {
    await push(`oci://${registry.host}/models/twice`);
    const again = await push(`oci://${registry.host}/models/twice:other`);
    expect(again.skippedBytes).toBe(sample.totalBytes);
    await expectPulls(`oci://${registry.host}/models/twice:other`);
  });

  it('gets the rest of an upload that was cut, again and again', async () => {
    const proxy = await startCuttingProxy(registry.host);
    try {
      proxy.cutAt = [0.1, 0.3, 0.5, 0.7].map((share) => share * sample.totalBytes);
      const uri = `oci://${proxy.host}/models/cut`;
      await push(uri);
      expect(proxy.cuts).toBe(4);
      expect(proxy.received).toBeLessThan(sample.totalBytes + 4 * CHUNK_BYTES + 500_000);
      await expectPulls(uri);
    } finally {
      await proxy.close();
    }
  });

  it('gets the rest of an upload that another process left', async () => {
    const proxy = await startCuttingProxy(registry.host);
    try {
      const uri = `oci://${proxy.host}/models/left`;
      const stop = new AbortController();
      const first = pushLadder(sample.folder, uri, {
        home,
        retry: FAST,
        signal: stop.signal,
        onProgress: ({ bytes }) => bytes >= CHUNK_BYTES && stop.abort(),
      });
      await expect(first).rejects.toMatchObject({ failure: 'cancelled' });
      proxy.received = 0;
      await push(uri);
      expect(proxy.received).toBeLessThan(sample.totalBytes - CHUNK_BYTES + 500_000);
      await expectPulls(uri);
    } finally {
      await proxy.close();
    }
  });

  it('is not sent bytes that went bad here', async () => {
    const rotten = writeSampleLadder(join(scratch, 'rotten'), 2);
    const { manifest } = await openLadder(rotten.folder);
    const path = blobPath(rotten.folder, manifest.layers[1]!.digest);
    const bytes = readFileSync(path);
    bytes[9]! ^= 1;
    writeFileSync(path, bytes);
    const uri = `oci://${registry.host}/models/rotten`;
    await expect(push(uri, NO_SETTINGS, rotten.folder)).rejects.toMatchObject({ failure: 'corrupt' });
    await expect(open(uri)).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('says what it does not have, and what is no ladder', async () => {
    await expect(open(`oci://${registry.host}/models/none:v1`)).rejects.toMatchObject({
      failure: 'not-found',
    });
    const config = Buffer.from('{}');
    const root = `http://${registry.host}/v2/models/image`;
    const digest = `sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a`;
    const { headers } = await fetch(`${root}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(headers.get('location')!, root);
    place.searchParams.set('digest', digest);
    expect((await fetch(place, { method: 'PUT', body: config })).status).toBe(201);
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const image = {
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 },
      layers: [],
    };
    const put = { method: 'PUT', headers: { 'content-type': type }, body: JSON.stringify(image) };
    expect((await fetch(`${root}/manifests/latest`, put)).status).toBe(201);
    await expect(open(`oci://${registry.host}/models/image`)).rejects.toMatchObject({
      failure: 'not-a-ladder',
    });
  });
});

describe.each(['password', 'token'] as const)('a registry with a %s', (access) => {
  const test = reason ? it.skip : it;
  const uri = () => `oci://${registry.host}/models/sample:v1`;

  beforeAll(async () => {
    if (!reason) registry = await startRegistry(join(scratch, access), access);
  });
  afterAll(() => (reason ? undefined : registry.stop()));

  test('takes and gives with the right one', async () => {
    const byHost = { ...NO_SETTINGS, logins: { [registry.host]: LOGIN } };
    await push(uri(), byHost);
    await expectPulls(uri(), { ...NO_SETTINGS, login: LOGIN });
  });

  test.each([
    ['none', NO_SETTINGS],
    ['a wrong one', { ...NO_SETTINGS, login: { username: 'user', password: 'guessed' } }],
  ])('refuses %s, and does not repeat it', async (_, settings) => {
    for (const attempt of [() => push(uri(), settings), () => open(uri(), settings)]) {
      const error = await attempt().catch((e) => e);
      expect(error).toMatchObject({ failure: 'unauthorized' });
      expect(String(error.stack)).not.toContain('guessed');
    }
  });
});
