import { type FileHandle, open } from 'node:fs/promises';
import { CHUNK_BYTES } from '@zen/ladder';

/** What the manifest says of a stage's bytes. */
export interface StageChunks {
  bytes: number;
  /** SHA-256 of each chunk of 4 MiB, hex. */
  chunks: readonly string[];
}

/**
 * The file that the engine has mapped, held open: a file published later under the same name is another one.
 * Reading it goes through the page cache, so what is checked is what the map shows.
 */
export class StageFile {
  private constructor(
    readonly stage: number,
    readonly path: string,
    private readonly file: FileHandle,
    readonly layer: StageChunks,
  ) {}

  static async open(stage: number, path: string, layer: StageChunks): Promise<StageFile> {
    return new StageFile(stage, path, await open(path), layer);
  }

  /** Whether the chunk has the bytes that the manifest says. Reading and hashing leave the event loop free. */
  async isGood(chunk: number): Promise<boolean> {
    const start = chunk * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, this.layer.bytes - start);
    const data = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    try {
      while (filled < length) {
        const { bytesRead } = await this.file.read(data, filled, length - filled, start + filled);
        if (bytesRead === 0) return false;
        filled += bytesRead;
      }
    } catch (error) {
      // A sector that cannot be read is as bad as one that is wrong; a closed file is a mistake of ours.
      if ((error as NodeJS.ErrnoException).code === 'EIO') return false;
      throw error;
    }
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', data)).toString('hex');
    return digest === this.layer.chunks[chunk];
  }

  /** Every chunk that is bad. */
  async badChunks(signal: AbortSignal): Promise<number[]> {
    const bad: number[] = [];
    for (const chunk of this.layer.chunks.keys()) {
      signal.throwIfAborted();
      if (!(await this.isGood(chunk))) bad.push(chunk);
    }
    return bad;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
