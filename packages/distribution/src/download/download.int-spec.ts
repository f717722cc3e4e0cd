import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHUNK_BYTES, openLadder } from '@zen/ladder';
import { type SampleLadder, writeSampleLadder } from '@zen/testing';
import { type LayoutServer, rangesAsked, serveLayout } from '../testing/layout-server';
import { LadderDownload } from './ladder-download';
import type { DownloadOptions } from './staged-ladder';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const scratch = mkdtempSync(join(tmpdir(), 'zen-distribution-'));
let sample: SampleLadder;
let server: LayoutServer;
let home: string;

beforeAll(() => {
  sample = writeSampleLadder(join(scratch, 'sample'));
});
afterAll(() => rmSync(scratch, { recursive: true }));
beforeEach(async () => {
  home = mkdtempSync(join(scratch, 'home-'));
  server = await serveLayout(sample.folder);
});
afterEach(async () => {
  await server.close();
});

const signal = new AbortController().signal;
const FAST = { baseDelayMs: 5, maxDelayMs: 400, idleMs: 20_000 };
const open = (change: Partial<DownloadOptions> = {}, uri = server.url) =>
  LadderDownload.open(uri, {
    home,
    strategy: 'balanced',
    bytesPerSecond: null,
    signal,
    retry: FAST,
    ...change,
  });

async function expectWhole(download: LadderDownload): Promise<void> {
  const ladder = await openLadder(download.folder);
  expect(ladder.digest).toBe(sample.digest);
  ladder.stagePaths.forEach((path, stage) => {
    expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
  });
  expect(readdirSync(join(download.folder, 'partial')).filter((name) => !name.endsWith('lock'))).toEqual([]);
}

describe('LadderDownload', () => {
  it('brings every stage, each byte once, and says how far it is', async () => {
    const seen: number[] = [];
    const download = await open({
      onProgress: ({ stages }) => seen.push(stages.reduce((sum, { bytesPresent }) => sum + bytesPresent, 0)),
    });
    expect(download.progress().stages.map(({ state }) => state)).toEqual(new Array(5).fill('absent'));
    const first = download.stage(0, signal);
    await download.run(signal);
    expect(readFileSync(await first).equals(sample.blobs[0]!)).toBe(true);
    await expectWhole(download);
    const { stages, bytesReceived, bytesKept, requestsInFlight, trouble } = download.progress();
    expect(stages.map(({ state }) => state)).toEqual(new Array(5).fill('complete'));
    expect([bytesReceived, bytesKept]).toEqual([sample.totalBytes, sample.totalBytes]);
    expect([requestsInFlight, trouble]).toEqual([0, null]);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(sample.totalBytes);
  });

  it('brings stages one after the other', async () => {
    const download = await open();
    await download.run(signal);
    const stageOf = new Map(
      download.manifest.layers.map(({ digest, stage }) => [`blobs/sha256/${digest.slice(7)}`, stage]),
    );
    const order = server.asked.flatMap(({ path, range }) => (range ? (stageOf.get(path) ?? []) : []));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('finds everything there the next time and asks for no blob', async () => {
    await (await open()).run(signal);
    server.asked.length = 0;
    const again = await open();
    expect(again.progress().stages.every(({ state }) => state === 'complete')).toBe(true);
    await again.run(signal);
    expect(rangesAsked(server)).toEqual([]);
  });

  it('uses a local folder where it is', async () => {
    const local = await open({}, sample.folder);
    expect(local.folder).toBe(sample.folder);
    await local.run(signal);
    expect(await local.stage(4, signal)).toContain(sample.folder);
    expect(readdirSync(home)).toEqual([]);
    await expect(local.repair(0, [0], signal)).rejects.toMatchObject({ failure: 'no-origin' });
  });

  it('does without its origin once it has been there', async () => {
    const pinned = `${server.url}#sha256=${sample.digest.slice(7)}`;
    await (await open()).run(signal);
    await server.close();
    const again = await open({ retry: { ...FAST, attempts: 2 } });
    expect(again.remembered).toBe(true);
    await again.run(signal);
    expect((await open({}, pinned)).remembered).toBe(false);
    server = await serveLayout(sample.folder);
  });

  it('stops when it is closed and goes on with the next', async () => {
    server.slow = { bytes: 32 * 1024, pauseMs: 2 };
    const download = await open({
      onProgress: () => void download.close(),
    });
    await expect(download.run(signal)).rejects.toMatchObject({ failure: 'cancelled' });
    const kept = download.progress().stages.reduce((sum, { bytesPresent }) => sum + bytesPresent, 0);
    expect(kept).toBeGreaterThan(0);
    server.slow = null;
    const next = await open();
    await next.run(signal);
    expect(next.progress().bytesKept).toBe(sample.totalBytes - kept);
    await expectWhole(next);
  });

  it('stops quietly wherever it is closed, also just before a stage is published', async () => {
    for (let chunks = 1; chunks <= 6; chunks++) {
      home = mkdtempSync(join(scratch, 'home-'));
      let seen = 0;
      const download = await open({
        strategy: 'conservative',
        onProgress: () => {
          seen += 1;
          if (seen === chunks) void download.close();
        },
      });
      await expect(download.run(signal)).rejects.toMatchObject({ failure: 'cancelled' });
      const next = await open();
      await next.run(signal);
      await expectWhole(next);
    }
  });

  it('fetches again only what went bad on disk before it was complete', async () => {
    const download = await open({ onProgress: () => void download.close(), strategy: 'conservative' });
    await expect(download.run(signal)).rejects.toMatchObject({ failure: 'cancelled' });
    const partial = join(download.folder, 'partial', download.manifest.layers[0]!.digest.slice(7));
    expect(readFileSync(`${partial}.chunks`)[0]).toBe(1);
    const bytes = readFileSync(partial);
    bytes[1000]! ^= 1;
    writeFileSync(partial, bytes);
    const next = await open();
    await next.run(signal);
    expect(next.progress().bytesKept).toBe(sample.totalBytes);
    await expectWhole(next);
  });

  it('waits with stages that nobody wants where it is conservative', async () => {
    const use = [1, 1, 0, 0, 0];
    const cancel = new AbortController();
    const download = await open({ strategy: 'conservative', use: () => use });
    const run = download.run(cancel.signal);
    await download.stage(1, signal);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(download.progress().stages.map(({ state }) => state)).toEqual([
      'complete',
      'complete',
      'absent',
      'absent',
      'absent',
    ]);
    use[2] = 0.1;
    await download.stage(2, signal);
    expect(download.progress().stages[3]!.state).toBe('absent');
    cancel.abort();
    await expect(run).rejects.toMatchObject({ failure: 'cancelled' });
  });

  it('brings the config as it is', async () => {
    const download = await open();
    await download.run(signal);
    const { config } = download.manifest;
    expect(`sha256:${createHash('sha256').update(download.configJson).digest('hex')}`).toBe(config.digest);
  });
});

describe('repair', () => {
  it('publishes a new file with the bad chunks fetched again, and leaves the old one alone', async () => {
    const download = await open();
    await download.run(signal);
    const path = await download.stage(0, signal);
    const rotten = readFileSync(path);
    rotten[CHUNK_BYTES + 5]! ^= 1;
    writeFileSync(path, rotten);
    const inode = statSync(path).ino;
    server.asked.length = 0;
    expect(await download.repair(0, [1], signal)).toBe(path);
    expect(readFileSync(path).equals(sample.blobs[0]!)).toBe(true);
    expect(statSync(path).ino).not.toBe(inode);
    expect(rangesAsked(server)).toEqual([
      `blobs/sha256/${download.manifest.layers[0]!.digest.slice(7)}:${CHUNK_BYTES}-${sample.blobs[0]!.length - 1}`,
    ]);
    server.asked.length = 0;
    expect(await download.repair(0, [1], signal)).toBe(path);
    expect(server.asked).toEqual([]);
    await expect(download.repair(0, [99], signal)).rejects.toThrow(
      /stage 0: no complete stage with chunks 99/,
    );
  });

  it('works with a server that ignores ranges', async () => {
    server.wholeOnly = true;
    const download = await open();
    await download.run(signal);
    const path = await download.stage(0, signal);
    const rotten = readFileSync(path);
    rotten[5]! ^= 1;
    writeFileSync(path, rotten.subarray(0, rotten.length - 7));
    const next = await open();
    expect(next.progress().stages[0]!.state).toBe('absent');
    writeFileSync(path, rotten);
    await (await open()).repair(0, [0], signal);
    expect(readFileSync(path).equals(sample.blobs[0]!)).toBe(true);
  });
});
