import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mountSmallDisk, smallDiskMissing, TYPESCRIPT_RUNNER } from '@zen/testing';
import { SYNC_BYTES } from '../cache/partial-file';
import { openSource } from '../open-source';
import { FAST_RETRY, noise, scratchFolder, sha256, testContext } from '../testing/fetch-folder';
import { serve, startServer, type TestServer } from '../testing/http-server';
import { tinyGguf } from '../testing/tiny-model';
import { download } from './download';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

// A real GGUF with a tail of noise: large enough that a fetch can be killed in the middle.
const MODEL = Buffer.concat([tinyGguf(), noise(24 * 1024 * 1024)]);
const TESTING = join(__dirname, '../testing');

let home: string;
let server: TestServer;

beforeEach(() => {
  home = scratchFolder();
});
afterEach(async () => {
  await server.close();
  rmSync(home, { recursive: true, force: true });
});

function startChild(uri: string): ChildProcess {
  return spawn(process.execPath, ['-r', TYPESCRIPT_RUNNER, join(TESTING, 'fetch-in-child.ts'), uri, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Kills the child once it reports so many bytes; returns the last count that it reported. */
async function killAt(child: ChildProcess, bytes: number): Promise<number> {
  let last = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const progress = JSON.parse(line) as { bytes?: number; failed?: string; done?: string };
    if (progress.bytes === undefined) throw new Error(`the child ended early: ${line}`);
    last = progress.bytes;
    if (last >= bytes) child.kill('SIGKILL');
  }
  return last;
}

const starts = () => server.requests.map((request) => Number(/=(\d+)-/.exec(request.range ?? '=0-')![1]));

describe('a fetch that is killed', () => {
  it('goes on in the next process and fetches at most one chunk again', async () => {
    server = await startServer((req, res) =>
      serve(req, res, MODEL, { slow: { bytes: 256 * 1024, pauseMs: 4 } }),
    );
    const uri = `${server.url}/m.gguf`;
    const reached = [
      await killAt(startChild(uri), 6 * 1024 * 1024),
      await killAt(startChild(uri), 14 * 1024 * 1024),
    ];
    const model = await openSource(uri, { home, retry: FAST_RETRY });
    expect(model.sha256).toBe(sha256(MODEL));
    await model.close();
    expect(starts()).toHaveLength(3);
    reached.forEach((bytes, index) => {
      expect(starts()[index + 1]).toBeGreaterThan(bytes - SYNC_BYTES);
    });
    // Nothing but the model and its record stays behind.
    const [entry] = readdirSync(join(home, 'sources'));
    expect(readdirSync(join(home, 'sources', entry!)).sort()).toEqual(['m.gguf', 'record.json']);
  });

  it('is not disturbed by a second process that wants the same', async () => {
    server = await startServer((req, res) =>
      serve(req, res, MODEL, { slow: { bytes: 512 * 1024, pauseMs: 4 } }),
    );
    const uri = `${server.url}/m.gguf`;
    const children = [startChild(uri), startChild(uri)];
    const phases: string[] = [];
    await Promise.all(
      children.map(async (child) => {
        for await (const line of createInterface({ input: child.stdout! })) phases.push(line);
      }),
    );
    expect(phases.filter((line) => line.includes(`"done":"${sha256(MODEL)}"`))).toHaveLength(2);
    expect(server.requests).toHaveLength(1);
  });

  it('leaves its lock to the process that waits for it', async () => {
    server = await startServer((req, res) =>
      serve(req, res, MODEL, { slow: { bytes: 256 * 1024, pauseMs: 4 } }),
    );
    const uri = `${server.url}/m.gguf`;
    const child = startChild(uri);
    const lines = createInterface({ input: child.stdout! });
    await once(lines, 'line');
    const phases: string[] = [];
    const waiting = openSource(uri, {
      home,
      retry: FAST_RETRY,
      progress: ({ phase }) => {
        phases.push(phase);
        if (phase === 'waiting') child.kill('SIGKILL');
      },
    });
    await (await waiting).close();
    expect(phases[0]).toBe('waiting');
    expect(phases).toContain('fetching');
  });
});

describe('a full disk', () => {
  const reason = smallDiskMissing();
  if (reason) console.warn(`skipped: ${reason}`);
  const test = reason ? it.skip : it;

  test('is named, and the fetch goes on once there is room', async () => {
    const disk = mountSmallDisk(join(home, 'disk'), 10);
    // No length is announced, so that the disk fills while bytes arrive.
    server = await startServer((req, res) => {
      const from = Number(/=(\d+)-/.exec(req.headers.range ?? '=0-')![1]);
      res.setHeader('etag', '"v1"');
      if (from > 0) res.setHeader('content-range', `bytes ${from}-${MODEL.length - 1}/${MODEL.length}`);
      res.writeHead(from > 0 ? 206 : 200);
      res.write(MODEL.subarray(from));
      res.end();
    });
    try {
      const request = { url: `${server.url}/m.gguf`, name: 'm.gguf', sha256: sha256(MODEL), bytes: null };
      const { context } = testContext(disk.folder);
      await expect(download(request, context)).rejects.toMatchObject({ failure: 'disk-full' });
      disk.grow(64);
      await download(request, context);
      expect(starts()[1]).toBeGreaterThanOrEqual(SYNC_BYTES);
    } finally {
      disk.unmount();
    }
  });

  test('is foreseen where the length is announced', async () => {
    const disk = mountSmallDisk(join(home, 'disk'), 10);
    server = await startServer((req, res) => serve(req, res, MODEL));
    try {
      const request = { url: `${server.url}/m.gguf`, name: 'm.gguf', sha256: null, bytes: null };
      await expect(download(request, testContext(disk.folder).context)).rejects.toThrow(
        /needs \d+ more bytes, the disk has \d+; free some and run again/,
      );
      expect(readdirSync(disk.folder)).not.toContain('m.gguf');
    } finally {
      disk.unmount();
    }
  });
});
