import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, publishFile } from '@zen/disk';
import { blobPath, CHUNK_BYTES, type StageLayer } from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { chunkHash } from '../sha256';

/**
 * One stage's blob while it arrives: `partial/<hex>` holds its bytes at their places, with holes where nothing came
 * yet, and `partial/<hex>.chunks` one byte per chunk, 1 once that chunk was verified and written. Either survives
 * `kill -9`; after a power failure the record may promise too much, so every process verifies a promised chunk once
 * itself before it builds on it. The blob's own name appears by rename, when all of it is verified and on disk: what has
 * holes never bears it. Who wants some of the chunks only reads `partial/<hex>` and leaves the others alone; who wants
 * none reads `partial/<hex>.holes`.
 */
export class StageFile {
  /** What the record promises, 1 for a chunk. */
  private present: Uint8Array;
  /** What this process has written or verified, 1 for a chunk. */
  private readonly verified: Uint8Array;
  /** What is wanted, 1 for a chunk; null for the whole blob under its own name. */
  private wanted: Uint8Array | null = null;
  /** Promised chunks that turned out bad: whoever leads fetches them again, nobody else need look twice. */
  private readonly doubted = new Set<number>();
  private recalling: Promise<boolean> | null = null;
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
    this.verified = new Uint8Array(layer.chunks.length);
  }

  get path(): string {
    return blobPath(this.folder, this.layer.digest);
  }

  private get partial(): string {
    return join(this.folder, 'partial', this.layer.digest.slice('sha256:'.length));
  }

  /** From now on these chunks are wanted, 1 for each; null for all, and the blob under its own name. */
  want(chunks: Uint8Array | null): void {
    this.wanted = chunks;
  }

  wants(chunk: number): boolean {
    return this.wanted === null || this.wanted[chunk] === 1;
  }

  /** Whether its bytes may be built on. */
  has(chunk: number): boolean {
    return this.complete || this.verified[chunk] === 1;
  }

  /** Whether all that is wanted is here. */
  get satisfied(): boolean {
    return this.complete || (this.wanted?.every((flag, chunk) => flag === 0 || this.has(chunk)) ?? false);
  }

  /** Of what is wanted. */
  get bytesWanted(): number {
    return this.bytesOf(() => true);
  }

  /** Of what is wanted, bytes on disk. */
  get bytesPresent(): number {
    return this.bytesOf((chunk) => this.complete || this.present[chunk] === 1);
  }

  private bytesOf(counts: (chunk: number) => boolean): number {
    let bytes = 0;
    for (const chunk of this.present.keys()) {
      if (this.wants(chunk) && counts(chunk)) bytes += this.chunkBytes(chunk);
    }
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
    return (await sizeOf(this.path)) === this.layer.bytes;
  }

  /** Opens for writing; only the holder of the artifact's lock may. */
  async resume(): Promise<void> {
    await this.refresh();
    if (this.complete || this.file !== null) return;
    try {
      this.file = await open(this.partial, constants.O_RDWR | constants.O_CREAT);
      this.record = await open(`${this.partial}.chunks`, constants.O_RDWR | constants.O_CREAT);
      await this.file.truncate(this.layer.bytes);
      await this.record.truncate(this.present.length);
    } catch (error) {
      await this.suspend();
      throw DiskError.from(error, this.partial);
    }
  }

  /** Verifies a chunk that the record promises; the writer takes a bad one off the record. False where it must come. */
  async recall(chunk: number): Promise<boolean> {
    if (this.has(chunk)) return true;
    if (this.present[chunk] !== 1) return false;
    if (this.file !== null) return this.verify(chunk, this.file);
    try {
      const file = await open(this.partial);
      try {
        return await this.verify(chunk, file);
      } finally {
        await file.close();
      }
    } catch (error) {
      // Published meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw DiskError.from(error, this.partial);
    }
  }

  private async verify(chunk: number, file: FileHandle): Promise<boolean> {
    const data = Buffer.allocUnsafeSlow(this.chunkBytes(chunk));
    const { bytesRead } = await file.read(data, 0, data.length, chunk * CHUNK_BYTES);
    if (bytesRead === data.length && (await chunkHash(data)) === this.layer.chunks[chunk]) {
      this.verified[chunk] = 1;
      return true;
    }
    this.doubted.add(chunk);
    if (this.record !== null) {
      this.present[chunk] = 0;
      await this.record.write(Uint8Array.of(0), 0, 1, chunk);
    }
    return false;
  }

  /** For who wants some chunks and does not write: verifies those that others have brought. Says whether any was new. */
  recallWanted(signal: AbortSignal): Promise<boolean> {
    this.recalling ??= this.recallAll(signal).finally(() => {
      this.recalling = null;
    });
    return this.recalling;
  }

  private async recallAll(signal: AbortSignal): Promise<boolean> {
    let found = false;
    // Asked anew for each: what is wanted may change meanwhile, and this process may begin to write.
    for (const chunk of this.verified.keys()) {
      if (this.complete || this.wanted === null || this.file !== null) return found;
      if (this.wanted[chunk] !== 1 || this.has(chunk) || this.doubted.has(chunk)) continue;
      signal.throwIfAborted();
      found = (await this.recall(chunk)) || found;
    }
    return found;
  }

  /** Where to read what is wanted: the blob, or the file with holes, which may get the blob's name at any time. */
  async readable(): Promise<string> {
    if (this.complete || (await this.published())) return this.path;
    if (this.wanted?.every((flag) => flag === 0)) return this.holes();
    if ((await sizeOf(this.partial)) !== null) return this.partial;
    // Published between the two looks. Only the writer may make the file with holes: an empty one that takes the place
    // of one that has just become the blob would be read as weights.
    if (await this.published()) return this.path;
    throw new DiskError('file', `${this.partial}: it is gone, and no blob has taken its place`);
  }

  /** A file of the blob's size for who wants nothing of it, and maps it all the same. */
  private async holes(): Promise<string> {
    const path = `${this.partial}.holes`;
    try {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT);
      try {
        if ((await file.stat()).size !== this.layer.bytes) await file.truncate(this.layer.bytes);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw DiskError.from(error, path);
    }
    return path;
  }

  /**
   * Puts the right bytes of a chunk in their place again, under whoever has mapped the file; any process may. False
   * where the file has become the blob meanwhile.
   */
  async mend(chunk: number, data: Uint8Array): Promise<boolean> {
    try {
      const file = await open(this.partial, constants.O_RDWR);
      try {
        await writeAt(file, data, chunk * CHUNK_BYTES);
        await file.datasync();
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw DiskError.from(error, this.partial);
    }
  }

  /** Writes one chunk that the caller has verified. */
  async write(chunk: number, data: Uint8Array): Promise<void> {
    try {
      await writeAt(this.file!, data, chunk * CHUNK_BYTES);
      // After the bytes: the record must not promise what is not written.
      await this.record!.write(Uint8Array.of(1), 0, 1, chunk);
    } catch (error) {
      throw DiskError.from(error, this.partial);
    }
    this.present[chunk] = 1;
    this.verified[chunk] = 1;
    this.doubted.delete(chunk);
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
    return this.verified.every((flag) => flag === 1);
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
    await rm(`${this.partial}.holes`, { force: true });
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

/** Null where there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw DiskError.from(error, path);
  }
}

export async function writeAt(file: FileHandle, data: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    done += (await file.write(data, done, data.byteLength - done, offset + done)).bytesWritten;
  }
}
