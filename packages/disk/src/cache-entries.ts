import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_KINDS, type CacheKind, lastUse, lockUses, usesOf } from './cache-use';
import { DiskError } from './disk-error';

/** A ladder, a source or a model of speech; it can be fetched again. */
export interface CacheEntry {
  kind: CacheKind;
  name: string;
  path: string;
  bytes: number;
  /** When a process last began to use it, or was seen to; milliseconds of the epoch. */
  usedAtMs: number;
  inUse: boolean;
}

export interface Pruned {
  removed: CacheEntry[];
  /** Of what is left. */
  bytes: number;
}

/** An entry on its way out: nobody finds it any more, and whoever comes across it finishes the job. */
const GONE = '.gone-';

/** All entries, the one that was used last first. */
export async function listCache(home: string): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const kind of CACHE_KINDS) {
    for (const name of await foldersOf(join(home, kind))) {
      // What addresses last stood for is kept: it is small, and a node needs it when its registry is away.
      if (name.startsWith('.') || (kind === 'artifacts' && name === 'refs')) continue;
      const path = join(home, kind, name);
      const size = await sizeOf(path);
      if (size === null) continue;
      const use = await lastUse(home, kind, name);
      const { inUse, atMs: usedAtMs } = use ?? { inUse: false, atMs: size.newestMs };
      entries.push({ kind, name, path, bytes: size.bytes, usedAtMs, inUse });
    }
  }
  return entries.sort((a, b) => b.usedAtMs - a.usedAtMs);
}

/**
 * Removes what was not used for longest until at most `bytes` are left, and never what a living process uses: then
 * more is left. An entry goes whole, by one rename, so a kill at any moment leaves it there or gone; its remains are
 * removed by the next who prunes.
 */
export async function pruneCache(home: string, bytes: number): Promise<Pruned> {
  const removed: CacheEntry[] = [];
  const lock = await lockUses(home);
  let left: number;
  try {
    const entries = await listCache(home);
    left = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    for (const entry of entries.reverse()) {
      if (left <= bytes) break;
      if (entry.inUse) continue;
      await rename(entry.path, join(home, entry.kind, `${GONE}${randomUUID()}`));
      await rm(usesOf(home, entry.kind, entry.name), { recursive: true, force: true });
      removed.push(entry);
      left -= entry.bytes;
    }
  } catch (error) {
    throw DiskError.from(error, home);
  } finally {
    await lock.release();
  }
  for (const kind of CACHE_KINDS) {
    for (const name of await foldersOf(join(home, kind)))
      if (name.startsWith(GONE)) await rm(join(home, kind, name), { recursive: true, force: true });
  }
  return { removed, bytes: left };
}

async function foldersOf(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { withFileTypes: true }))
      .filter((one) => one.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw DiskError.from(error, path);
  }
}

/** Of all files below; others may write and remove meanwhile. Null where there is no such folder. */
async function sizeOf(path: string): Promise<{ bytes: number; newestMs: number } | null> {
  let [bytes, newestMs] = [0, 0];
  try {
    for (const file of await readdir(path, { withFileTypes: true, recursive: true })) {
      const found = await stat(join(file.parentPath, file.name)).catch(() => null);
      if (found?.isFile()) bytes += found.size;
      newestMs = Math.max(newestMs, found?.mtimeMs ?? 0);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw DiskError.from(error, path);
  }
  return { bytes, newestMs };
}
