import { type FileHandle, open, readFile } from 'node:fs/promises';
import { DiskError } from '@zen/disk';
import { DEFAULT_RETRY, type RetryPolicy } from '@zen/http';
import { blobPath, CHUNK_BYTES, LadderError, openLadder, type StageLayer } from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { sha256 } from '../sha256';
import { NO_SETTINGS, type StoreSettings } from '../store/store-settings';
import { parseStoreUri } from '../store/store-uri';
import { FolderTarget } from './folder-target';
import { OciTarget } from './oci-target';
import type { PushTarget } from './push-target';
import { S3Target } from './s3-target';

export interface PushProgress {
  /** Bytes of stages that are at the target, those that were there before included. */
  bytes: number;
  totalBytes: number;
}

export interface PushOptions {
  /** The node's cache folder: remembers uploads that were cut off. */
  home: string;
  settings?: StoreSettings;
  retry?: Partial<RetryPolicy>;
  signal: AbortSignal;
  onProgress?: (progress: PushProgress) => void;
}

export interface Pushed {
  /** Of the manifest. */
  digest: string;
  totalBytes: number;
  /** Bytes of stages that the target had before. */
  skippedBytes: number;
}

/**
 * Copies a ladder's folder to a registry, a bucket or another folder. What is there already is skipped, what was cut
 * off goes on, every chunk is verified before it leaves, and the ladder appears at the target only when it is whole.
 */
export async function pushLadder(folder: string, uri: string, options: PushOptions): Promise<Pushed> {
  const { signal } = options;
  try {
    const target = openTarget(uri, options);
    const { manifest } = await openLadder(folder);
    const totalBytes = manifest.layers.reduce((sum, layer) => sum + layer.bytes, 0);
    let before = 0;
    let skippedBytes = 0;
    const report = (bytes: number) => options.onProgress?.({ bytes, totalBytes });
    const small = async ({ digest }: { digest: string }) => readFile(blobPath(folder, digest));
    if (!(await target.has(manifest.config.digest, manifest.config.bytes, signal))) {
      await target.put(manifest.config.digest, await small(manifest.config), signal);
    }
    for (const layer of manifest.layers) {
      if (await target.has(layer.digest, layer.bytes, signal)) skippedBytes += layer.bytes;
      else await uploadStage(target, folder, layer, (bytes) => report(before + bytes), signal);
      before += layer.bytes;
      report(before);
    }
    await target.publish(manifest, await small(manifest), signal);
    return { digest: manifest.digest, totalBytes, skippedBytes };
  } catch (error) {
    throw DistributionError.from(error, signal);
  }
}

function openTarget(uri: string, { home, settings = NO_SETTINGS, ...options }: PushOptions): PushTarget {
  const place = parseStoreUri(uri);
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  switch (place.kind) {
    case 'folder':
      return new FolderTarget(place.path);
    case 's3':
      return new S3Target(place, settings, retry, home);
    case 'oci':
      return new OciTarget(place, settings, retry, home);
    case 'http':
      throw new DistributionError(
        'bad-uri',
        `${uri}: a web server takes no ladders; push to oci, s3 or a folder`,
      );
  }
}

async function uploadStage(
  target: PushTarget,
  folder: string,
  layer: StageLayer,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const path = blobPath(folder, layer.digest);
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    throw DiskError.from(error, path);
  }
  try {
    const read = (offset: number, length: number) => readVerified(file, layer, offset, length, path);
    await target.upload(layer, { read, sent }, signal);
  } finally {
    await file.close();
  }
}

/** Whole chunks; bytes that went bad on this disk do not travel on. */
async function readVerified(
  file: FileHandle,
  layer: StageLayer,
  offset: number,
  length: number,
  path: string,
): Promise<Buffer> {
  const data = Buffer.alloc(length);
  const { bytesRead } = await file.read(data, 0, length, offset);
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const chunk = (offset + at) / CHUNK_BYTES;
    const piece = data.subarray(at, Math.min(at + CHUNK_BYTES, bytesRead));
    if (sha256(piece) !== layer.chunks[chunk]) {
      throw new LadderError('corrupt', `${path}: chunk ${chunk} does not match its hash`);
    }
  }
  return data;
}
