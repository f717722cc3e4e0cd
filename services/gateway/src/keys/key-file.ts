import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type KeyEntry, KeyFileError, parseKeys } from './key-entry';

const MAX_BYTES = 16 * 2 ** 20;
/** Writers often touch a file several times in a row. */
const SETTLE_MS = 100;

/**
 * Reads keys from a file, or from every file of a folder (a mounted secret: names that start with a dot are the
 * mount's own).
 */
export async function readKeys(path: string): Promise<KeyEntry[]> {
  const info = await stat(path);
  const files = info.isDirectory()
    ? (await readdir(path)).filter((name) => !name.startsWith('.')).map((name) => join(path, name))
    : [path];
  const entries: KeyEntry[] = [];
  for (const file of files.sort()) {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw new KeyFileError(`${basename(file)} has ${size} bytes, at most ${MAX_BYTES}`);
    entries.push(...parseKeys(await readFile(file, 'utf8'), basename(file)));
  }
  return entries;
}

/**
 * Calls `changed` after the file or the folder has changed. The folder that holds it is watched: editors and
 * secret mounts replace a file instead of writing into it, and a watch of the file would stay with the old one.
 */
export async function watchKeys(path: string, changed: () => void): Promise<FSWatcher> {
  const folder = (await stat(path)).isDirectory() ? path : dirname(path);
  const only = folder === path ? null : basename(path);
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { persistent: false }, (_, name) => {
    // Where a mount swaps a link of its own, the file's name is not in the event.
    if (only !== null && name !== null && name !== only && !name.startsWith('..')) return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS).unref();
  });
  watcher.once('close', () => clearTimeout(timer));
  return watcher;
}
