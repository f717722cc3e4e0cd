import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHUNK_BYTES, neededChunks, openLadder, type TensorNeed } from '@zen/ladder';
import { downloadInChild } from '../testing/child';
import { DownloadSite } from '../testing/download-site';
import { rangesAsked } from '../testing/layout-server';
import type { LadderDownload } from './ladder-download';

jest.setTimeout(120_000);

// Nine layers: five or more chunks at stage 0, one or two at each of the others.
const site = new DownloadSite(9);

/** The blocks of some layers, up to a stage. */
const layers =
  (wanted: number[], stage: number): TensorNeed =>
  (name) =>
    wanted.includes(Number(/^blk\.(\d+)\./.exec(name)?.[1])) ? stage : -1;

/** Chunks of blobs that were asked for. */
const asked = () => rangesAsked(site.server).filter((range) => !range.includes(configDigest()));
const configDigest = () => openConfig.slice(7);
let openConfig = '';

async function open(need: TensorNeed | null, home = site.home): Promise<LadderDownload> {
  const download = await site.open({ home, ...(need && { need }) });
  openConfig = download.manifest.config.digest;
  return download;
}

const partial = (download: LadderDownload, stage: number) =>
  join(download.folder, 'partial', download.manifest.layers[stage]!.digest.slice(7));

/** Every chunk that is needed is in the file, at its place. */
async function expectPart(download: LadderDownload, need: TensorNeed): Promise<void> {
  for (const [stage, chunks] of neededChunks(site.sample.config, need).entries()) {
    const file = readFileSync(await download.stage(stage, site.signal));
    expect(file.length).toBe(site.sample.blobs[stage]!.length);
    expect(download.wanted(stage)).toEqual([...chunks.keys()].filter((chunk) => chunks[chunk] === 1));
    for (const chunk of download.wanted(stage)) {
      const [from, to] = [chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES];
      expect(file.subarray(from, to).equals(site.sample.blobs[stage]!.subarray(from, to))).toBe(true);
    }
  }
}

describe('a part of a ladder', () => {
  it('brings the chunks of its tensors alone, and nobody takes it for the whole', async () => {
    const need = layers([4], 2);
    const download = await open(need);
    expect(download.satisfied).toBe(false);
    await download.run(site.signal);
    expect(download.satisfied).toBe(true);
    await expectPart(download, need);
    const chunks = neededChunks(site.sample.config, need).flatMap((flags) => [...flags]);
    expect(chunks.reduce((sum, flag) => sum + flag, 0)).toBeLessThan(chunks.length);
    expect(asked().length).toBe(chunks.reduce((sum, flag) => sum + flag, 0));
    const { stages, bytesKept } = download.progress();
    expect(stages.map(({ state }) => state)).toEqual(new Array(5).fill('complete'));
    expect(stages.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(bytesKept);
    // To everybody else it is on its way.
    await expect(openLadder(download.folder)).rejects.toMatchObject({ failure: 'not-found' });
    const other = await open(null);
    expect(other.satisfied).toBe(false);
    expect(other.progress().stages[0]!.state).toBe('fetching');
    expect(other.progress().stages[0]!.bytesPresent).toBeLessThan(site.sample.blobs[0]!.length);
  });

  it('grows to more tensors and to the whole, each chunk once; what was open stays the same file', async () => {
    const download = await open(layers([0], 4));
    await download.run(site.signal);
    const path = await download.stage(0, site.signal);
    const { ino } = statSync(path);
    const held = openSync(path, 'r');
    const more = layers([0, 5, 8], 4);
    download.want(more);
    expect(download.satisfied).toBe(false);
    await download.run(site.signal);
    await expectPart(download, more);
    // Another process completes it.
    const whole = await open(null);
    await whole.run(site.signal);
    await site.expectWhole(whole.folder);
    expect(new Set(asked()).size).toBe(asked().length);
    expect(whole.progress().bytesKept + download.progress().bytesKept).toBe(site.sample.totalBytes);
    expect(existsSync(path)).toBe(false);
    const after = await download.stage(0, site.signal);
    expect(after).toBe(await whole.stage(0, site.signal));
    expect(statSync(after).ino).toBe(ino);
    const last = Buffer.alloc(100);
    readSync(held, last, 0, 100, site.sample.blobs[0]!.length - 100);
    closeSync(held);
    expect(last.equals(site.sample.blobs[0]!.subarray(-100))).toBe(true);
  });

  it('goes on after kill -9, and fetches nothing twice but what was in hand', async () => {
    site.server.slow = { bytes: 64 * 1024, pauseMs: 1 };
    const need = layers([1, 2, 3], 4);
    const flags = neededChunks(site.sample.config, need);
    const total = flags.flatMap((stage) => [...stage]).filter((flag) => flag === 1).length;
    let kills = 0;
    for (const chunks of [1, 3]) {
      const { child, lines } = downloadInChild(site.server.url, site.home, 'conservative', [1, 2, 3]);
      for await (const line of lines) {
        expect(line.failed).toBeUndefined();
        if ((line.present ?? 0) >= chunks * CHUNK_BYTES && child.kill('SIGKILL')) kills += 1;
      }
    }
    expect(kills).toBe(2);
    const lines = await downloadInChild(site.server.url, site.home, 'conservative', [1, 2, 3]).rest();
    expect(lines.at(-1)!.done).toBeDefined();
    const download = await open(need);
    await expectPart(download, need);
    expect(asked().length).toBeLessThanOrEqual(total + kills);
    expect(new Set(asked()).size).toBe(total);
  });

  it('verifies for itself what the record promises, and mends it in its place', async () => {
    const need = layers([4], 0);
    const first = await open(need);
    await first.run(site.signal);
    const path = await first.stage(0, site.signal);
    const [chunk] = first.wanted(0) as [number];
    const rot = () => {
      const bytes = readFileSync(path);
      bytes[chunk * CHUNK_BYTES + 7]! ^= 1;
      writeFileSync(path, bytes);
    };
    const { ino } = statSync(path);
    rot();
    site.server.asked.length = 0;
    const second = await open(need);
    expect(second.satisfied).toBe(false);
    await second.run(site.signal);
    await expectPart(second, need);
    expect(asked()).toHaveLength(1);
    rot();
    expect(await first.repair(0, [chunk], site.signal)).toBe(path);
    await expectPart(first, need);
    expect(asked()).toHaveLength(2);
    expect(statSync(path).ino).toBe(ino);
    const lacking = [...site.sample.blobs.keys()].length + 100;
    await expect(first.repair(0, [lacking], site.signal)).rejects.toThrow(/stage 0: not all of chunks/);
  });

  it('is served by what another process brings of the whole', async () => {
    const need = layers([8], 1);
    const part = await open(need);
    const whole = await open(null);
    await Promise.all([whole.run(site.signal), part.run(site.signal)]);
    await expectPart(part, need);
    await site.expectWhole(whole.folder);
    expect(new Set(asked()).size).toBe(asked().length);
  });

  it('does not wait for a process that leaves the rest for later', async () => {
    const cancel = new AbortController();
    const patient = await site.open({ strategy: 'conservative', use: () => [1, 0, 0, 0, 0] });
    openConfig = patient.manifest.config.digest;
    const resting = patient.run(cancel.signal);
    await patient.stage(0, site.signal);
    const need = layers([2], 4);
    const part = await open(need);
    await part.run(site.signal);
    await expectPart(part, need);
    cancel.abort();
    await expect(resting).rejects.toMatchObject({ failure: 'cancelled' });
  });

  it('takes what it wants out of whole blobs where a server ignores ranges', async () => {
    site.server.wholeOnly = true;
    const need = layers([3], 4);
    const download = await open(need);
    await download.run(site.signal);
    await expectPart(download, need);
    expect(existsSync(partial(download, 0))).toBe(true);
  });

  it('is nothing but files of the right length where nothing is wanted', async () => {
    const download = await open(() => -1);
    await download.run(site.signal);
    expect(asked()).toEqual([]);
    expect(statSync(await download.stage(3, site.signal)).size).toBe(site.sample.blobs[3]!.length);
  });
});
