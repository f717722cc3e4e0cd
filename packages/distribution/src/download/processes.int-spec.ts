import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHUNK_BYTES, openLadder } from '@zen/ladder';
import { type SampleLadder, writeSampleLadder } from '@zen/testing';
import { type ChildLine, downloadInChild } from '../testing/child';
import { type LayoutServer, rangesAsked, serveLayout } from '../testing/layout-server';

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
afterEach(() => server.close());

async function expectWhole(folder: string): Promise<void> {
  const { stagePaths, digest } = await openLadder(folder);
  expect(digest).toBe(sample.digest);
  stagePaths.forEach((path, stage) => {
    expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
  });
}

const last = (lines: ChildLine[]) => lines.at(-1)!;

it('goes on after kill -9 and fetches nothing twice but the chunk in hand', async () => {
  server.slow = { bytes: 64 * 1024, pauseMs: 1 };
  let kills = 0;
  for (const share of [0.1, 0.4, 0.75]) {
    // One request at a time, so that there is one chunk in hand.
    const { child, lines } = downloadInChild(server.url, home, 'conservative');
    for await (const line of lines) {
      expect(line.failed).toBeUndefined();
      if ((line.present ?? 0) >= share * sample.totalBytes && child.kill('SIGKILL')) kills += 1;
    }
  }
  const end = last(await downloadInChild(server.url, home, 'conservative').rest());
  await expectWhole(end.done!);
  expect(kills).toBe(3);
  const configBytes = Buffer.byteLength(JSON.stringify(sample.config));
  expect(server.bytesSent).toBeLessThan(sample.totalBytes + kills * (CHUNK_BYTES + 4 * configBytes));
  const again = rangesAsked(server).length - new Set(rangesAsked(server)).size;
  expect(again).toBeLessThanOrEqual(kills);
});

it('is shared by two processes, which never fetch the same chunk', async () => {
  server.slow = { bytes: 64 * 1024, pauseMs: 1 };
  const both = await Promise.all([
    downloadInChild(server.url, home).rest(),
    downloadInChild(server.url, home).rest(),
  ]);
  for (const lines of both) await expectWhole(last(lines).done!);
  const chunks = rangesAsked(server).filter((range) => !isConfig(range));
  expect(new Set(chunks).size).toBe(chunks.length);
  expect(both.map((lines) => last(lines).bytesKept!).sort((a, b) => a - b)).toEqual([0, sample.totalBytes]);
});

it('goes on in the process that waited when the one that fetched is killed', async () => {
  // The third chunk is never answered, so that the first process holds the lock until it is killed.
  let held = false;
  server.fault = ({ range, path }) => {
    const chunks = rangesAsked(server).filter((asked) => !isConfig(asked));
    if (held || !range || chunks.length < 3 || !path.startsWith('blobs')) return false;
    held = true;
    return true;
  };
  const first = downloadInChild(server.url, home, 'conservative');
  for await (const line of first.lines) if ((line.present ?? 0) > 0) break;
  const second = downloadInChild(server.url, home, 'conservative');
  let waited = false;
  const seen: ChildLine[] = [];
  for await (const line of second.lines) {
    seen.push(line);
    if (waited || !line.waitingForOther) continue;
    waited = true;
    first.child.kill('SIGKILL');
  }
  expect(waited).toBe(true);
  await expectWhole(last(seen).done!);
  expect(last(seen).bytesKept).toBeGreaterThan(0);
  expect(last(seen).bytesKept).toBeLessThan(sample.totalBytes);
  const chunks = rangesAsked(server).filter((range) => !isConfig(range));
  expect(chunks.length - new Set(chunks).size).toBeLessThanOrEqual(1);
});

/** Either process may fetch the config: it is small and needed before the lock is. */
function isConfig(range: string): boolean {
  const bytes = Buffer.byteLength(JSON.stringify(sample.config));
  return range.endsWith(`:0-${bytes - 1}`);
}
