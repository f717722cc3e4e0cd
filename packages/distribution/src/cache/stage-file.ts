import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, publishFile } from '@zen/disk';
import { blobPath, CHUNK_BYTES, type StageLayer } from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { sha256 } from '../sha256';

/**
 * One stage's blob while it arrives: `partial/<hex>` holds its bytes at their places and `partial/<hex>.chunks` one
 * byte per chunk, 1 once that chunk was verified and written. Either survives `kill -9`; after a power failure the
 * record may promise too much, so whoever goes on verifies every promised chunk again. The blob's own name appears
 * by rename, when all of it is verified and on disk.
 */
export class StageFile {
  /** 1 for a verified chunk. */
  private present: Uint8Array;
  private file: FileHandle | null = null;
  private record: FileHandle | null = null;
  complete = false;
  /** Bytes go to disk while others arrive, so that little is left to wait for at the end. */
  private flushing: Promise<void> | null = null;
  private flushError: unknown = null;

  constructor(
    private readonly folder: string,
    readonly layer: StageLayer,
  ) {
    this.present = new Uint8Array(layer.chunks.length);
  }

  get path(): string {
    return blobPath(this.folder, this.layer.digest);
  }

  private get partial(): string {
    return join(this.folder, 'partial', this.layer.digest.slice('sha256:'.length));
  }

  has(chunk: number): boolean {
    return this.complete || this.present[chunk] === 1;
  }

  /** Verified bytes on disk. */
  get bytesPresent(): number {
    if (this.complete) return this.layer.bytes;
    let bytes = 0;
    for (const [chunk, flag] of this.present.entries()) if (flag === 1) bytes += this.chunkBytes(chunk);
    return bytes;
  }

  chunkBytes(chunk: number): number {
    return Math.min(CHUNK_BYTES, this.layer.bytes - chunk * CHUNK_BYTES);
  }

  /** Looks at what another process has written. Says whether anything changed. */
  async refresh(): Promise<boolean> {
    if (this.complete || this.file !== null) return false;
    if (await this.published()) {
      this.complete = true;
      return true;
    }
    const record = await readFile(`${this.partial}.chunks`).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return new Uint8Array();
      throw DiskError.from(error, this.partial);
    });
    const before = this.present;
    this.present = new Uint8Array(this.layer.chunks.length);
    this.present.set(record.subarray(0, this.present.length));
    return this.present.some((flag, chunk) => flag !== before[chunk]);
  }

  /** Whether the blob stands under its name. A blob of the wrong size does not count and is replaced. */
  private async published(): Promise<boolean> {
    try {
      return (await stat(this.path)).size === this.layer.bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw DiskError.from(error, this.path);
    }
  }

  /** Opens for writing; only the holder of the artifact's lock may. Keeps the promised chunks that verify. */
  async resume(signal: AbortSignal): Promise<void> {
    await this.refresh();
    if (this.complete || this.file !== null) return;
    const promised = this.present;
    this.present = new Uint8Array(this.layer.chunks.length);
    try {
      this.file = await open(this.partial, constants.O_RDWR | constants.O_CREAT);
      this.record = await open(`${this.partial}.chunks`, constants.O_RDWR | constants.O_CREAT);
      await this.file.truncate(this.layer.bytes);
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (const [chunk, flag] of promised.entries()) {
        signal.throwIfAborted();
        if (flag === 1 && (await this.verifies(chunk, buffer))) this.present[chunk] = 1;
      }
      await this.record.write(this.present, 0, this.present.length, 0);
      await this.record.truncate(this.present.length);
    } catch (error) {
      await this.suspend();
      if (signal.aborted) throw error;
      throw DiskError.from(error, this.partial);
    }
  }

  private async verifies(chunk: number, buffer: Buffer): Promise<boolean> {
    const bytes = this.chunkBytes(chunk);
    const { bytesRead } = await this.file!.read(buffer, 0, bytes, chunk * CHUNK_BYTES);
    return bytesRead === bytes && sha256(buffer.subarray(0, bytes)) === this.layer.chunks[chunk];
  }

  /** Writes one chunk that the caller has verified. */
  async write(chunk: number, data: Uint8Array): Promise<void> {
    try {
      let done = 0;
      while (done < data.byteLength) {
        const at = chunk * CHUNK_BYTES + done;
        done += (await this.file!.write(data, done, data.byteLength - done, at)).bytesWritten;
      }
      // After the bytes: the record must not promise what is not written.
      await this.record!.write(Uint8Array.of(1), 0, 1, chunk);
    } catch (error) {
      throw DiskError.from(error, this.partial);
    }
    this.present[chunk] = 1;
    this.flush();
  }

  private flush(): void {
    this.flushing ??= this.file!.datasync()
      .catch((error: unknown) => {
        // The system tells of a failed write once only: the blob must not be published after it.
        this.flushError ??= error;
      })
      .finally(() => {
        this.flushing = null;
      });
  }

  get full(): boolean {
    return this.present.every((flag) => flag === 1);
  }

  /** Checks the digest of the whole and gives the blob its name. */
  async publish(signal: AbortSignal): Promise<void> {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.layer.bytes));
    for (let at = 0; at < this.layer.bytes; ) {
      signal.throwIfAborted();
      const { bytesRead } = await this.file!.read(
        buffer,
        0,
        Math.min(buffer.length, this.layer.bytes - at),
        at,
      );
      if (bytesRead === 0) throw new DiskError('file', `${this.partial}: shorter than a moment ago`);
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    const digest = `sha256:${hash.digest('hex')}`;
    if (digest !== this.layer.digest) {
      throw new DistributionError(
        'corrupt',
        `stage ${this.layer.stage}: every chunk matches the manifest, the whole is ${digest}, must be ${this.layer.digest}`,
      );
    }
    try {
      await this.flushing;
      if (this.flushError !== null) throw this.flushError;
      await this.file!.sync();
    } catch (error) {
      throw DiskError.from(error, this.partial);
    }
    await publishFile(this.partial, this.path);
    await this.suspend();
    await rm(`${this.partial}.chunks`, { force: true });
    this.complete = true;
  }

  /** Closes; what was verified stays for the next. */
  async suspend(): Promise<void> {
    await this.flushing;
    this.flushError = null;
    await this.file?.close();
    await this.record?.close();
    this.file = null;
    this.record = null;
  }
}
