import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, LadderError, MAX_MANIFEST_BYTES, parseIndex } from '@zen/ladder';
import type { ArtifactStore } from './artifact-store';
import { hexOf } from './web-store';

const PIECE_BYTES = 256 * 1024;

/** An OCI image layout folder as an origin. */
export class FolderStore implements ArtifactStore {
  readonly uri: string;

  constructor(private readonly folder: string) {
    this.uri = `file://${folder}`;
  }

  async manifest(): Promise<Buffer> {
    const { digest } = parseIndex(await readSmall(join(this.folder, 'index.json')));
    return readSmall(blobPath(this.folder, digest));
  }

  async *read(
    digest: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    hexOf(digest);
    const path = blobPath(this.folder, digest);
    try {
      const file = await open(path);
      try {
        for (let done = 0; done < length; ) {
          signal.throwIfAborted();
          const piece = Buffer.alloc(Math.min(PIECE_BYTES, length - done));
          const { bytesRead } = await file.read(piece, 0, piece.length, offset + done);
          if (bytesRead === 0)
            throw new LadderError('corrupt', `${path} ends before byte ${offset + length}`);
          done += bytesRead;
          yield piece.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    } catch (error) {
      if (signal.aborted) throw error;
      throw LadderError.fromIo(error, path);
    }
  }

  async *whole(digest: string, bytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (bytes > 0) yield* this.read(digest, 0, bytes, signal);
  }
}

async function readSmall(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > MAX_MANIFEST_BYTES) {
      throw new LadderError('invalid', `${path} must have at most ${MAX_MANIFEST_BYTES} bytes, not ${size}`);
    }
    const file = await open(path);
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw LadderError.fromIo(error, path);
  }
}
