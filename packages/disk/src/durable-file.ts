import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DiskError } from './disk-error';

/**
 * Writes a small file so that a reader, also one after a crash, sees the old or the new content, never a mixture. A
 * list of pieces is written one after another.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
): Promise<void> {
  const next = `${path}.${randomUUID()}.new`;
  try {
    const file = await open(next, 'wx');
    try {
      for (const piece of Array.isArray(content) ? content : [content]) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await publishFile(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw DiskError.from(error, path);
  }
}

/** Gives a file that is on disk its name, for good: a reader of `path` sees all of it or what was there before. */
export async function publishFile(from: string, path: string): Promise<void> {
  try {
    await rename(from, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw DiskError.from(error, path);
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw DiskError.from(error, path);
  }
}
