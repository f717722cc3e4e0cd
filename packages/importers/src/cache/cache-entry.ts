import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { replaceFile } from '@zen/disk';
import { fileError, SourceError } from '../source-error';
import { isSafeRelativePath } from '../source-uri';

/** One finished file of a cache entry, relative to the entry's folder. */
export interface CachedFile {
  name: string;
  bytes: number;
  sha256: string;
  /** Modification time when the hash was last known to be right; another time means: hash again. */
  mtimeMs: number;
}

export interface CacheRecord {
  uri: string;
  files: CachedFile[];
}

const RECORD = 'record.json';

/** SHA-256 of a file as hex. */
export async function sha256File(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
  } catch (error) {
    if (signal.aborted) throw new SourceError('cancelled', `${path}: cancelled`, { cause: error });
    throw fileError(error, path);
  }
  return hash.digest('hex');
}

/** Describes a finished file whose hash is known. */
export async function describeFile(folder: string, name: string, sha256: string): Promise<CachedFile> {
  const { size, mtimeMs } = await stat(join(folder, name));
  return { name, bytes: size, sha256, mtimeMs };
}

export async function writeRecord(folder: string, record: CacheRecord): Promise<void> {
  await replaceFile(join(folder, RECORD), JSON.stringify(record, null, 1));
}

/** The entry's record, or null where there is none or it is damaged. */
export async function readRecord(folder: string, uri: string): Promise<CacheRecord | null> {
  let text: string;
  try {
    text = await readFile(join(folder, RECORD), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(error, folder);
  }
  try {
    const record = JSON.parse(text) as CacheRecord;
    const good =
      record.uri === uri &&
      record.files.length > 0 &&
      record.files.every((file) => isSafeRelativePath(file.name) && /^[0-9a-f]{64}$/.test(file.sha256));
    return good ? record : null;
  } catch {
    return null; // a damaged record is no record: the entry is fetched again
  }
}

/**
 * Checks the files of a record. Size and time are always compared; the content is hashed when the time
 * differs or `full` asks for it. Returns the names that are missing or wrong, and removes those files.
 */
export async function removeDamaged(
  folder: string,
  record: CacheRecord,
  options: { full: boolean; signal: AbortSignal },
): Promise<{ damaged: string[]; rehashed: boolean }> {
  const damaged: string[] = [];
  let rehashed = false;
  for (const file of record.files) {
    const path = join(folder, file.name);
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw fileError(error, path);
    });
    if (found?.size === file.bytes) {
      if (found.mtimeMs === file.mtimeMs && !options.full) continue;
      if ((await sha256File(path, options.signal)) === file.sha256) {
        file.mtimeMs = found.mtimeMs;
        rehashed = true;
        continue;
      }
    }
    damaged.push(file.name);
    await rm(path, { force: true });
  }
  return { damaged, rehashed };
}
