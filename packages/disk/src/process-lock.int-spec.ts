import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from './process-lock';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'zen-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));
const signal = new AbortController().signal;
const take = (path: string, waitMs = 20_000) => lockFile(path, { signal, waitMs });

describe('lockFile', () => {
  it('lets one in at a time, also within a process', async () => {
    const path = join(folder, 'one');
    const first = await take(path);
    await expect(take(path, 300)).rejects.toMatchObject({ failure: 'locked' });
    await first.release();
    await (await take(path)).release();
  });

  it.each([
    ['of a process that is gone', { pid: 2 ** 22 + 1 }],
    ['of an earlier process with this number, as in a restarted container', { life: 'earlier' }],
  ])('takes over a lock %s', async (name, change) => {
    const path = join(folder, name.replaceAll(' ', '-'));
    const lock = await take(path);
    const holder = JSON.parse(readFileSync(path, 'utf8'));
    await lock.release();
    writeFileSync(path, JSON.stringify({ ...holder, token: 'other', ...change }));
    await (await take(path, 2_000)).release();
  });

  it('respects a lock of another machine', async () => {
    const path = join(folder, 'elsewhere');
    writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere', life: 'x', token: 'x' }));
    await expect(take(path, 500)).rejects.toThrow(/held by process 1 on elsewhere/);
  });
});
