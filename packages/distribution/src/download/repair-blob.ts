import { constants } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import { DiskError, publishFile } from '@zen/disk';
import { CHUNK_BYTES, type StageLayer } from '@zen/ladder';
import { writeAt } from '../cache/stage-file';
import { chunkHash } from '../sha256';
import { RangesIgnored } from '../store/artifact-store';
import type { Transfer } from './transfer';

/**
 * Brings a blob whose bytes went bad back to what its hashes say, in a new file under the same name: maps of the old
 * file keep their bytes. All chunks are looked at, not only those that were noticed. Returns how many were fetched.
 */
export async function repairBlob(
  path: string,
  scratch: string,
  layer: StageLayer,
  transfer: Transfer,
  signal: AbortSignal,
): Promise<number> {
  const bad = await badChunks(path, layer, signal);
  if (bad.size === 0) return 0;
  try {
    await copyFile(path, scratch, constants.COPYFILE_FICLONE);
    const file = await open(scratch, 'r+');
    try {
      await file.truncate(layer.bytes);
      const write = (chunk: number, data: Uint8Array) => writeAt(file, data, chunk * CHUNK_BYTES);
      await fetchChunks(layer, bad, write, transfer, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await publishFile(scratch, path);
    return bad.size;
  } catch (error) {
    await rm(scratch, { force: true });
    throw (error as NodeJS.ErrnoException)?.code?.startsWith('E') ? DiskError.from(error, path) : error;
  }
}

/** Brings these chunks, however the store can. */
export async function fetchChunks(
  layer: StageLayer,
  chunks: ReadonlySet<number>,
  write: (chunk: number, data: Uint8Array) => Promise<void>,
  transfer: Transfer,
  signal: AbortSignal,
): Promise<void> {
  if (!transfer.ignoresRanges) {
    try {
      for (const chunk of chunks) await write(chunk, await transfer.chunk(layer, chunk, signal));
      return;
    } catch (error) {
      if (!(error instanceof RangesIgnored)) throw error;
    }
  }
  await transfer.whole(layer, (chunk) => chunks.has(chunk), write, signal);
}

/** Chunks of a blob on disk that do not match their hashes; what a short file lacks counts as bad. */
async function badChunks(path: string, layer: StageLayer, signal: AbortSignal): Promise<Set<number>> {
  const bad = new Set<number>();
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (const [chunk, hash] of layer.chunks.entries()) {
        signal.throwIfAborted();
        const bytes = Math.min(CHUNK_BYTES, layer.bytes - chunk * CHUNK_BYTES);
        const { bytesRead } = await file.read(buffer, 0, bytes, chunk * CHUNK_BYTES);
        if (bytesRead !== bytes || (await chunkHash(buffer.subarray(0, bytes))) !== hash) bad.add(chunk);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw DiskError.from(error, path);
  }
  return bad;
}
