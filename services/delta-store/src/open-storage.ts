import { ConfigError } from '@zen/config';
import { DistributionError, parseStoreUri, storeSettings } from '@zen/distribution';
import type { RetryPolicy } from '@zen/http';
import { FolderObjects } from './storage/folder-objects';
import type { ObjectStore } from './storage/object-store';
import { S3Objects } from './storage/s3-objects';

/** Somebody waits for the answer. */
const RETRY: RetryPolicy = { attempts: 5, baseDelayMs: 100, maxDelayMs: 5000, idleMs: 30_000 };

/** The storage at a place: a folder, or `s3://bucket/prefix`. Throws where it cannot be used. */
export async function openStorage(
  place: string,
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): Promise<ObjectStore> {
  const uri = readPlace(place);
  if (uri.kind === 'folder') return FolderObjects.open(uri.path, nowMs);
  if (uri.kind !== 's3') throw new ConfigError('ZEN_DELTA_STORAGE: must be a folder or s3://bucket/prefix');
  const { s3 } = await storeSettings(env);
  const objects = new S3Objects(uri, s3, RETRY);
  await objects.check();
  return objects;
}

function readPlace(place: string) {
  try {
    return parseStoreUri(place);
  } catch (error) {
    if (!(error instanceof DistributionError)) throw error;
    throw new ConfigError(`ZEN_DELTA_STORAGE: ${error.message}`);
  }
}
