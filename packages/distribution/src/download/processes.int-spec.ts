import { CHUNK_BYTES } from '@zen/ladder';
import { type ChildLine, downloadInChild } from '../testing/child';
import { DownloadSite } from '../testing/download-site';
import { rangesAsked } from '../testing/layout-server';

jest.setTimeout(180_000);

const site = new DownloadSite();

const last = (lines: ChildLine[]) => lines.at(-1)!;

it('goes on after kill -9 and fetches nothing twice but the chunk in hand', async () => {
  site.server.slow = { bytes: 64 * 1024, pauseMs: 1 };
  let kills = 0;
  for (const share of [0.1, 0.4, 0.75]) {
    // One request at a time, so that there is one chunk in hand.
    const { child, lines } = downloadInChild(site.server.url, site.home, 'conservative');
    for await (const line of lines) {
      expect(line.failed).toBeUndefined();
      if ((line.present ?? 0) >= share * site.sample.totalBytes && child.kill('SIGKILL')) kills += 1;
    }
  }
  const end = last(await downloadInChild(site.server.url, site.home, 'conservative').rest());
  await site.expectWhole(end.done!);
  expect(kills).toBe(3);
  const configBytes = Buffer.byteLength(JSON.stringify(site.sample.config));
  expect(site.server.bytesSent).toBeLessThan(
    site.sample.totalBytes + kills * (CHUNK_BYTES + 4 * configBytes),
  );
  const again = rangesAsked(site.server).length - new Set(rangesAsked(site.server)).size;
  expect(again).toBeLessThanOrEqual(kills);
});

it('is shared by two processes, which never fetch the same chunk', async () => {
  site.server.slow = { bytes: 64 * 1024, pauseMs: 1 };
  const both = await Promise.all([
    downloadInChild(site.server.url, site.home).rest(),
    downloadInChild(site.server.url, site.home).rest(),
  ]);
  for (const lines of both) await site.expectWhole(last(lines).done!);
  const chunks = rangesAsked(site.server).filter((range) => !isConfig(range));
  expect(new Set(chunks).size).toBe(chunks.length);
  expect(both.map((lines) => last(lines).bytesKept!).sort((a, b) => a - b)).toEqual([
    0,
    site.sample.totalBytes,
  ]);
});

it('goes on in the process that waited when the one that fetched is killed', async () => {
  // The third chunk is never answered, so that the first process holds the lock until it is killed.
  let held = false;
  site.server.fault = ({ range, path }) => {
    const chunks = rangesAsked(site.server).filter((asked) => !isConfig(asked));
    if (held || !range || chunks.length < 3 || !path.startsWith('blobs')) return false;
    held = true;
    return true;
  };
  const first = downloadInChild(site.server.url, site.home, 'conservative');
  for await (const line of first.lines) if ((line.present ?? 0) > 0) break;
  const second = downloadInChild(site.server.url, site.home, 'conservative');
  let waited = false;
  const seen: ChildLine[] = [];
  for await (const line of second.lines) {
    seen.push(line);
    if (waited || !line.waitingForOther) continue;
    waited = true;
    first.child.kill('SIGKILL');
  }
  expect(waited).toBe(true);
  await site.expectWhole(last(seen).done!);
  expect(last(seen).bytesKept).toBeGreaterThan(0);
  expect(last(seen).bytesKept).toBeLessThan(site.sample.totalBytes);
  const chunks = rangesAsked(site.server).filter((range) => !isConfig(range));
  expect(chunks.length - new Set(chunks).size).toBeLessThanOrEqual(1);
});

/** Either process may fetch the config: it is small and needed before the lock is. */
function isConfig(range: string): boolean {
  const bytes = Buffer.byteLength(JSON.stringify(site.sample.config));
  return range.endsWith(`:0-${bytes - 1}`);
}
