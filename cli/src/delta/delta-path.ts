import { readFile, stat } from 'node:fs/promises';
import { DeltaError, type DeltaFile, MAX_DATA_BYTES, readDelta } from '@zen/deltas';

/** Reads and checks a delta file, and its id where one is expected. */
export async function readDeltaPath(path: string, digest?: string): Promise<DeltaFile> {
  const { size } = await stat(path);
  if (size > MAX_DATA_BYTES) {
    throw new DeltaError('too-large', `${path} has ${size} bytes, at most ${MAX_DATA_BYTES}`);
  }
  return readDelta(await readFile(path), digest === undefined ? {} : { digest });
}
