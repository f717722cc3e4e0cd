import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openLadder } from '@zen/ladder';
import { writeSampleLadder } from '@zen/testing';
import { LadderDownload } from './ladder-download';

jest.setTimeout(120_000);

const reason = spawnSync('python3', ['--version']).error ? 'python3 is not installed' : null;
if (reason) console.warn(`skipped: ${reason}`);

const scratch = mkdtempSync(join(tmpdir(), 'zen-static-'));
const { signal } = new AbortController();
let server: ChildProcess | null = null;

afterAll(() => {
  server?.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
});

/** Python's own web server: a real one, and one that knows no ranges. */
async function serve(folder: string): Promise<string> {
  const argv = ['-u', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', folder, '0'];
  server = spawn('python3', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: server.stdout! })) {
    const port = /port (\d+)/.exec(line)?.[1];
    if (port) return `http://127.0.0.1:${port}`;
  }
  throw new Error('the web server ended');
}

(reason ? it.skip : it)('a ladder comes from any web server, also one without ranges', async () => {
  const sample = writeSampleLadder(join(scratch, 'sample'));
  const url = await serve(scratch);
  const download = await LadderDownload.open(`${url}/sample`, {
    home: join(scratch, 'home'),
    strategy: 'aggressive',
    bytesPerSecond: null,
    signal,
  });
  await download.run(signal);
  const { stagePaths, digest } = await openLadder(download.folder);
  expect(digest).toBe(sample.digest);
  stagePaths.forEach((path, stage) => {
    expect(readFileSync(path).equals(sample.blobs[stage]!)).toBe(true);
  });
  expect(download.progress().bytesKept).toBe(sample.totalBytes);
});
