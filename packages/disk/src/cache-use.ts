import { mkdir, readdir, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DiskError } from './disk-error';
import { isDead, keepAlive, newHolder, readHolder } from './holder';
import { lockFile, type ProcessLock } from './process-lock';

/** What the cache holds that can be fetched again: ladders by digest, the files of sources, models of speech. */
export const CACHE_KINDS = ['artifacts', 'sources', 'speech'] as const;
export type CacheKind = (typeof CACHE_KINDS)[number];

export interface CacheUse {
  release(): Promise<void>;
}

const NO_USE: CacheUse = { release: async () => undefined };
/** Nobody holds the lock for longer than it takes to look at a few folders. */
const LOCK_WAIT_MS = 60_000;

/**
 * Says that this process uses an entry of the cache, whether or not it is there yet: until it is released, or the
 * process ends, nobody evicts it. To be said before the entry's files are looked for. In a cache that cannot be
 * written nothing is said.
 */
export async function useCached(home: string, kind: CacheKind, name: string): Promise<CacheUse> {
  const folder = usesOf(home, kind, name);
  const mine = newHolder();
  const path = join(folder, mine.token);
  try {
    const lock = await lockUses(home);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(path, JSON.stringify(mine));
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (isReadOnly(error)) return NO_USE;
    throw DiskError.from(error, path);
  }
  const beat = keepAlive(path, mine);
  return {
    async release() {
      await beat.stop();
      await rm(path, { force: true });
    },
  };
}

/** The same for a folder that may be an entry of the cache, as the target of a link or by its own name. */
export async function useFolder(home: string, folder: string): Promise<CacheUse> {
  const path = await realpath(folder).catch(() => folder);
  for (const kind of CACHE_KINDS) {
    const parent = await realpath(join(home, kind)).catch(() => null);
    if (parent === dirname(path)) return useCached(home, kind, basename(path));
  }
  return NO_USE;
}

/** Excludes all who begin to use an entry, and all who evict. */
export async function lockUses(home: string): Promise<ProcessLock> {
  const folder = join(home, 'uses');
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw DiskError.from(error, folder);
  }
  return lockFile(join(folder, 'lock'), { signal: new AbortController().signal, waitMs: LOCK_WAIT_MS });
}

/** Whether a living process uses the entry, and when one last began to or was seen to; null if none ever said so. */
export async function lastUse(
  home: string,
  kind: CacheKind,
  name: string,
): Promise<{ inUse: boolean; atMs: number } | null> {
  const folder = usesOf(home, kind, name);
  let atMs = (await statIfThere(folder))?.mtimeMs;
  if (atMs === undefined) return null;
  let inUse = false;
  let died = false;
  for (const token of await readdir(folder)) {
    const path = join(folder, token);
    const holder = await readHolder(path);
    if (holder === null) continue;
    atMs = Math.max(atMs, (await statIfThere(path))?.mtimeMs ?? 0);
    if (!(await isDead(path, holder))) {
      inUse = true;
      continue;
    }
    died = true;
    await rm(path, { force: true });
  }
  // Clearing up after the dead is no use.
  if (died) await utimes(folder, atMs / 1000, atMs / 1000);
  return { inUse, atMs };
}

export function usesOf(home: string, kind: CacheKind, name: string): string {
  return join(home, 'uses', kind, name);
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw DiskError.from(error, path);
  }
}

function isReadOnly(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return code === 'EROFS' || code === 'EACCES' || code === 'EPERM';
}
