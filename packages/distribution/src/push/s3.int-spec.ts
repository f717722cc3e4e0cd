import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLadder } from '@zen/ladder';
import { type S3Server, type SampleLadder, s3Missing, startS3Server, writeSampleLadder } from '@zen/testing';
import { LadderDownload } from '../download/ladder-download';
import { NO_SETTINGS, type StoreSettings } from '../store/store-settings';
import { startCuttingProxy } from '../testing/cutting-proxy';
import { pushLadder } from './push-ladder';

jest.setTimeout(180_000);

const reason = s3Missing();
if (reason) console.warn(`skipped: ${reason}`);

const scratch = mkdtempSync(join(tmpdir(), 'zen-s3-'));
const signal = new AbortController().signal;
const FAST = { baseDelayMs: 5, maxDelayMs: 400, idleMs: 20_000 };

(reason ? describe.skip : describe)('an S3 server', () => {
  let sample: SampleLadder;
  let server: S3Server;
  let settings: StoreSettings;
  let home: string;

  beforeAll(async () => {
    sample = writeSampleLadder(join(scratch, 'sample'), 1, 16);
    server = await startS3Server();
    settings = { ...NO_SETTINGS, s3: server.settings };
  });
  afterAll(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true });
  });
  beforeEach(() => {
    home = mkdtempSync(join(scratch, 'home-'));
  });

  const push = (uri: string, change: Partial<Parameters<typeof pushLadder>[2]> = {}) =>
    pushLadder(sample.folder, uri, { home, settings, retry: FAST, signal, ...change });

  async function expectPulls(uri: string): Promise<void> {
    const download = await LadderDownload.open(uri, {
      home,
      strategy: 'balanced',
      bytesPerSecond: null,
      settings,
      retry: { ...FAST, attempts: 4 },
      signal,
    });
    expect(download.digest).toBe(sample.digest);
    await download.run(signal);
    const { stagePaths } = await openLadder(download.folder);
    stagePaths.forEach((path, stage) => {
      expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
    });
    expect(download.progress().bytesReceived).toBe(sample.totalBytes);
  }

  it('takes a ladder and gives it back, and is not sent what it has', async () => {
    const uri = 's3://models/some/where';
    expect((await push(uri)).skippedBytes).toBe(0);
    await expectPulls(uri);
    expect((await push(uri)).skippedBytes).toBe(sample.totalBytes);
  });

  it('gets the rest of an upload that another process left', async () => {
    const proxy = await startCuttingProxy(server.settings.endpoint!.slice('http://'.length));
    try {
      const through = { ...settings, s3: { ...server.settings, endpoint: `http://${proxy.host}` } };
      const stop = new AbortController();
      const first = push('s3://models/left', {
        settings: through,
        signal: stop.signal,
        onProgress: ({ bytes }) => bytes > 0 && stop.abort(),
      });
      await expect(first).rejects.toMatchObject({ failure: 'cancelled' });
      proxy.received = 0;
      await push('s3://models/left', { settings: through });
      // A part has 16 MiB.
      expect(proxy.received).toBeLessThan(sample.totalBytes - 16 * 2 ** 20 + 500_000);
      await expectPulls('s3://models/left');
    } finally {
      await proxy.close();
    }
  });

  it('is refused with wrong keys, which are not repeated', async () => {
    const keys = { ...server.settings.keys!, secretAccessKey: 'guessed' };
    const wrong = { ...settings, s3: { ...server.settings, keys } };
    const error = await push('s3://models/refused', { settings: wrong }).catch((e) => e);
    expect(error).toMatchObject({ failure: 'unauthorized' });
    expect(String(error.stack)).not.toContain('guessed');
  });
});
