import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCache, pruneCache } from './cache-entries';
import { type CacheKind, useCached, useFolder } from './cache-use';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'zen-cache-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** An entry of so many bytes that was used so many minutes ago. */
function entry(kind: CacheKind, name: string, bytes: number, minutes: number): string {
  const folder = join(home, kind, name);
  mkdirSync(join(folder, 'blobs'), { recursive: true });
  writeFileSync(join(folder, 'blobs', 'one'), Buffer.alloc(bytes));
  const at = Date.now() / 1000 - 60 * minutes;
  for (const path of [join(folder, 'blobs', 'one'), join(folder, 'blobs'), folder]) utimesSync(path, at, at);
  return folder;
}
const names = async () => (await listCache(home)).map(({ name }) => name);

test('what was not used for longest goes first, until enough is gone', async () => {
  entry('artifacts', 'a', 100, 30);
  entry('sources', 'b', 200, 20);
  entry('artifacts', 'c', 300, 40);
  mkdirSync(join(home, 'artifacts', 'refs'));
  expect(await names()).toEqual(['b', 'a', 'c']);
  // Using it is what counts, not when it came.
  await (await useCached(home, 'artifacts', 'c')).release();
  expect(await names()).toEqual(['c', 'b', 'a']);
  const { removed, bytes } = await pruneCache(home, 500);
  expect([removed.map(({ name }) => name), bytes]).toEqual([['a'], 500]);
  expect((await pruneCache(home, 499)).removed.map(({ name }) => name)).toEqual(['b']);
  expect(existsSync(join(home, 'artifacts', 'refs'))).toBe(true);
  expect((await pruneCache(home, 0)).bytes).toBe(0);
  expect(await names()).toEqual([]);
});

test('never what a living process uses, this one or another', async () => {
  entry('artifacts', 'mine', 100, 50);
  entry('artifacts', 'theirs', 100, 60);
  const use = await useFolder(home, join(home, 'artifacts', 'mine'));
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  mkdirSync(join(home, 'uses', 'artifacts', 'theirs'), { recursive: true });
  const theirs = { pid: other.pid, host: hostname(), life: 'theirs', token: 't' };
  writeFileSync(join(home, 'uses', 'artifacts', 'theirs', 't'), JSON.stringify(theirs));
  try {
    expect(await pruneCache(home, 0)).toMatchObject({ removed: [], bytes: 200 });
    expect((await listCache(home)).map(({ inUse }) => inUse)).toEqual([true, true]);
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  // A process that was killed uses nothing.
  expect((await pruneCache(home, 0)).removed.map(({ name }) => name)).toEqual(['theirs']);
  await use.release();
  expect((await pruneCache(home, 0)).removed.map(({ name }) => name)).toEqual(['mine']);
});

test('what is used by another machine on the same folder stays until that falls silent', async () => {
  entry('artifacts', 'far', 100, 60);
  const folder = join(home, 'uses', 'artifacts', 'far');
  mkdirSync(folder, { recursive: true });
  const mark = join(folder, 'x');
  writeFileSync(mark, JSON.stringify({ pid: 1, host: 'elsewhere', life: 'x', token: 'x' }));
  expect((await pruneCache(home, 0)).removed).toEqual([]);
  const before = Date.now() / 1000 - 60;
  utimesSync(mark, before, before);
  expect((await pruneCache(home, 0)).removed).toHaveLength(1);
});

test('a prune that was killed leaves an entry there or gone, and the next one clears up', async () => {
  const folder = entry('artifacts', '.gone-half', 100, 1);
  entry('artifacts', 'a', 100, 1);
  expect(await names()).toEqual(['a']);
  expect((await pruneCache(home, 1000)).bytes).toBe(100);
  expect(existsSync(folder)).toBe(false);
});

test('whoever begins to use an entry while others prune has it, whole or not there yet', async () => {
  const using = async (name: string) => {
    const use = await useCached(home, 'artifacts', name);
    const folder = join(home, 'artifacts', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'blob'), 'x');
    for (let look = 0; look < 5; look++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(readdirSync(folder)).toEqual(['blob']);
    }
    await use.release();
  };
  const pruning = async () => {
    for (let round = 0; round < 5; round++) await pruneCache(home, 0);
  };
  await Promise.all([pruning(), ...[...Array(12).keys()].map((i) => using(`e${i % 4}`)), pruning()]);
});

test('an entry outside of the cache is nobody’s business', async () => {
  await (await useFolder(home, tmpdir())).release();
  expect(readdirSync(home)).toEqual([]);
});
