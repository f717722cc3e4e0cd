import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pruneCache } from '@zen/disk';
import { CHUNK_BYTES } from '@zen/ladder';
import { DownloadSite, FAST } from '../testing/download-site';
import { rangesAsked, serveLayout } from '../testing/layout-server';
import { LadderDownload } from './ladder-download';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const site = new DownloadSite();

async function expectWhole(download: LadderDownload): Promise<void> {
  await site.expectWhole(download.folder);
  expect(readdirSync(join(download.folder, 'partial')).filter((name) => !name.endsWith('lock'))).toEqual([]);
}

describe('LadderDownload', () => {
  it('brings every stage, each byte once, and says how far it is', async () => {
    const seen: number[] = [];
    const download = await site.open({
      onProgress: ({ stages }) => seen.push(stages.reduce((sum, { bytesPresent }) => sum + bytesPresent, 0)),
    });
    expect(download.progress().stages.map(({ state }) => state)).toEqual(new Array(5).fill('absent'));
    const first = download.stage(0, site.signal);
    await download.run(site.signal);
    expect(readFileSync(await first).equals(site.sample.blobs[0]!)).toBe(true);
    await expectWhole(download);
    const { stages, bytesReceived, bytesKept, requestsInFlight, trouble } = download.progress();
    expect(stages.map(({ state }) => state)).toEqual(new Array(5).fill('complete'));
    expect([bytesReceived, bytesKept]).toEqual([site.sample.totalBytes, site.sample.totalBytes]);
    expect([requestsInFlight, trouble]).toEqual([0, null]);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(site.sample.totalBytes);
  });

  it('brings stages one after the other', async () => {
    const download = await site.open();
    await download.run(site.signal);
    const stageOf = new Map(
      download.manifest.layers.map(({ digest, stage }) => [`blobs/sha256/${digest.slice(7)}`, stage]),
    );
    const order = site.server.asked.flatMap(({ path, range }) => (range ? (stageOf.get(path) ?? []) : []));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('finds everything there the next time and asks for no blob', async () => {
    await (await site.open()).run(site.signal);
    site.server.asked.length = 0;
    const again = await site.open();
    expect(again.progress().stages.every(({ state }) => state === 'complete')).toBe(true);
    await again.run(site.signal);
    expect(rangesAsked(site.server)).toEqual([]);
  });

  it('uses a local folder where it is', async () => {
    const local = await site.open({}, site.sample.folder);
    expect(local.folder).toBe(site.sample.folder);
    await local.run(site.signal);
    expect(await local.stage(4, site.signal)).toContain(site.sample.folder);
    expect(readdirSync(site.home)).toEqual([]);
    await expect(local.repair(0, [0], site.signal)).rejects.toMatchObject({ failure: 'no-origin' });
  });

  it('does without its origin once it has been there', async () => {
    const pinned = `${site.server.url}#sha256=${site.sample.digest.slice(7)}`;
    await (await site.open()).run(site.signal);
    await site.server.close();
    const again = await site.open({ retry: { ...FAST, attempts: 2 } });
    expect(again.remembered).toBe(true);
    await again.run(site.signal);
    expect((await site.open({}, pinned)).remembered).toBe(false);
    site.server = await serveLayout(site.sample.folder);
  });

  it('makes room in a cache that has a limit, and is not evicted while it is open', async () => {
    const other = join(site.home, 'artifacts', 'f'.repeat(64));
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, 'blob'), Buffer.alloc(1000));
    const roomy = await site.open({ cacheBytes: 2 * site.sample.totalBytes });
    expect(existsSync(other)).toBe(true);
    const download = await site.open({ cacheBytes: site.sample.totalBytes });
    expect(existsSync(other)).toBe(false);
    await download.run(site.signal);
    await roomy.close();
    expect((await pruneCache(site.home, 0)).removed).toEqual([]);
    await expectWhole(download);
    await download.close();
    expect((await pruneCache(site.home, 0)).removed).toHaveLength(1);
    expect(existsSync(download.folder)).toBe(false);
  });

  it('stops when it is closed and goes on with the next', async () => {
    site.server.slow = { bytes: 32 * 1024, pauseMs: 2 };
    const download = await site.open({
      onProgress: () => void download.close(),
    });
    await expect(download.run(site.signal)).rejects.toMatchObject({ failure: 'cancelled' });
    const kept = download.progress().stages.reduce((sum, { bytesPresent }) => sum + bytesPresent, 0);
    expect(kept).toBeGreaterThan(0);
    site.server.slow = null;
    const next = await site.open();
    await next.run(site.signal);
    expect(next.progress().bytesKept).toBe(site.sample.totalBytes - kept);
    await expectWhole(next);
  });

  it('stops quietly wherever it is closed, also just before a stage is published', async () => {
    for (let chunks = 1; chunks <= 6; chunks++) {
      site.home = site.newHome();
      let seen = 0;
      const download = await site.open({
        strategy: 'conservative',
        onProgress: () => {
          seen += 1;
          if (seen === chunks) void download.close();
        },
      });
      await expect(download.run(site.signal)).rejects.toMatchObject({ failure: 'cancelled' });
      const next = await site.open();
      await next.run(site.signal);
      await expectWhole(next);
    }
  });

  it('fetches again only what went bad on disk before it was complete', async () => {
    const download = await site.open({ onProgress: () => void download.close(), strategy: 'conservative' });
    await expect(download.run(site.signal)).rejects.toMatchObject({ failure: 'cancelled' });
    const partial = join(download.folder, 'partial', download.manifest.layers[0]!.digest.slice(7));
    expect(readFileSync(`${partial}.chunks`)[0]).toBe(1);
    const bytes = readFileSync(partial);
    bytes[1000]! ^= 1;
    writeFileSync(partial, bytes);
    const next = await site.open();
    await next.run(site.signal);
    expect(next.progress().bytesKept).toBe(site.sample.totalBytes);
    await expectWhole(next);
  });

  it('waits with stages that nobody wants where it is conservative', async () => {
    const use = [1, 1, 0, 0, 0];
    const cancel = new AbortController();
    const download = await site.open({ strategy: 'conservative', use: () => use });
    const run = download.run(cancel.signal);
    await download.stage(1, site.signal);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(download.progress().stages.map(({ state }) => state)).toEqual([
      'complete',
      'complete',
      'absent',
      'absent',
      'absent',
    ]);
    use[2] = 0.1;
    await download.stage(2, site.signal);
    expect(download.progress().stages[3]!.state).toBe('absent');
    cancel.abort();
    await expect(run).rejects.toMatchObject({ failure: 'cancelled' });
  });

  it('brings the config as it is', async () => {
    const download = await site.open();
    await download.run(site.signal);
    const { config } = download.manifest;
    expect(`sha256:${createHash('sha256').update(download.configJson).digest('hex')}`).toBe(config.digest);
  });
});

describe('repair', () => {
  it('publishes a new file with the bad chunks fetched again, and leaves the old one alone', async () => {
    const download = await site.open();
    await download.run(site.signal);
    const path = await download.stage(0, site.signal);
    const rotten = readFileSync(path);
    rotten[CHUNK_BYTES + 5]! ^= 1;
    writeFileSync(path, rotten);
    const inode = statSync(path).ino;
    site.server.asked.length = 0;
    expect(await download.repair(0, [1], site.signal)).toBe(path);
    expect(readFileSync(path).equals(site.sample.blobs[0]!)).toBe(true);
    expect(statSync(path).ino).not.toBe(inode);
    expect(rangesAsked(site.server)).toEqual([
      `blobs/sha256/${download.manifest.layers[0]!.digest.slice(7)}:${CHUNK_BYTES}-${site.sample.blobs[0]!.length - 1}`,
    ]);
    site.server.asked.length = 0;
    expect(await download.repair(0, [1], site.signal)).toBe(path);
    expect(site.server.asked).toEqual([]);
    await expect(download.repair(0, [99], site.signal)).rejects.toThrow(
      /stage 0: not all of chunks 99 are here/,
    );
  });

  it('works with a server that ignores ranges', async () => {
    site.server.wholeOnly = true;
    const download = await site.open();
    await download.run(site.signal);
    const path = await download.stage(0, site.signal);
    const rotten = readFileSync(path);
    rotten[5]! ^= 1;
    writeFileSync(path, rotten.subarray(0, rotten.length - 7));
    const next = await site.open();
    expect(next.progress().stages[0]!.state).toBe('absent');
    writeFileSync(path, rotten);
    await (await site.open()).repair(0, [0], site.signal);
    expect(readFileSync(path).equals(site.sample.blobs[0]!)).toBe(true);
  });
});
