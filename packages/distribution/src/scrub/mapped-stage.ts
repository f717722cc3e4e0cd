import { type FileHandle, open } from 'node:fs/promises';
import { CHUNK_BYTES } from '@zen/ladder';
import { chunkHash } from '../sha256';

/** What the manifest says of a stage's bytes. */
export interface StageChunks {
  bytes: number;
  /** SHA-256 of each chunk of 4 MiB, hex. */
  chunks: readonly string[];
}

/**
 * The file of a stage that the engine has mapped, held open: a file published later under the same name is another one.
 * Reading it goes through the page cache, so what is checked is what the map shows.
 */
export class MappedStage {
  private constructor(
    readonly stage: number,
    readonly path: string,
    private readonly file: FileHandle,
    readonly layer: StageChunks,
    /** The chunks that are used; the rest of the file may be holes. */
    public chunks: readonly number[],
  ) {}

  static async open(
    stage: number,
    path: string,
    layer: StageChunks,
    chunks: readonly number[] = [...layer.chunks.keys()],
  ): Promise<MappedStage> {
    return new MappedStage(stage, path, await open(path), layer, chunks);
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
    return (await chunkHash(data)) === this.layer.chunks[chunk];
  }

  /** Every chunk of those that are used that is bad. */
  async badChunks(signal: AbortSignal): Promise<number[]> {
    const bad: number[] = [];
    for (const chunk of this.chunks) {
      signal.throwIfAborted();
      if (!(await this.isGood(chunk))) bad.push(chunk);
    }
    return bad;
  }

  /** A chunk that is known to be bad and no longer used. */
  leave(chunk: number): void {
    this.chunks = this.chunks.filter((one) => one !== chunk);
  }

  /** Whether both have the same file open, whatever its name is now. */
  async isSameAs(other: MappedStage): Promise<boolean> {
    const [mine, its] = await Promise.all([this.file.stat(), other.file.stat()]);
    return mine.dev === its.dev && mine.ino === its.ino;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
