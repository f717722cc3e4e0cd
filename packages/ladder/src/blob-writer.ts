import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ALIGNMENT, CHUNK_BYTES, type Section } from './ladder-config';
import { LadderError } from './ladder-error';
import type { StageLayer } from './oci-layout';

/** Writes one stage's blob section by section, hashing as it goes; nothing is kept in memory. */
export class BlobWriter {
  private readonly whole = createHash('sha256');
  private chunk = createHash('sha256');
  private readonly chunks: string[] = [];
  private offset = 0;

  private constructor(
    readonly stage: number,
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async create(stage: number, path: string): Promise<BlobWriter> {
    try {
      return new BlobWriter(stage, path, await open(path, 'wx'));
    } catch (error) {
      throw LadderError.fromIo(error, path);
    }
  }

  async section(data: Uint8Array): Promise<Section> {
    const gap = (ALIGNMENT - (this.offset % ALIGNMENT)) % ALIGNMENT;
    if (gap > 0) await this.write(new Uint8Array(gap));
    const section = { stage: this.stage, offset: this.offset, bytes: data.byteLength };
    await this.write(data);
    return section;
  }

  /** Bytes as they are, without alignment: copies a blob that is laid out already. */
  append(data: Uint8Array): Promise<void> {
    return this.write(data);
  }

  /** Makes the blob durable and says what the manifest must say of it. */
  async finish(): Promise<StageLayer> {
    try {
      await this.file.sync();
      await this.file.close();
    } catch (error) {
      throw LadderError.fromIo(error, this.path);
    }
    if (this.offset % CHUNK_BYTES !== 0) this.chunks.push(this.chunk.digest('hex'));
    return {
      stage: this.stage,
      digest: `sha256:${this.whole.digest('hex')}`,
      bytes: this.offset,
      chunks: this.chunks,
    };
  }

  async abandon(): Promise<void> {
    await this.file.close();
  }

  private async write(data: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < data.byteLength) {
        written += (await this.file.write(data, written, data.byteLength - written)).bytesWritten;
      }
    } catch (error) {
      throw LadderError.fromIo(error, this.path);
    }
    this.whole.update(data);
    let at = 0;
    while (at < data.byteLength) {
      const part = Math.min(data.byteLength - at, CHUNK_BYTES - (this.offset % CHUNK_BYTES));
      this.chunk.update(data.subarray(at, at + part));
      at += part;
      this.offset += part;
      if (this.offset % CHUNK_BYTES === 0) {
        this.chunks.push(this.chunk.digest('hex'));
        this.chunk = createHash('sha256');
      }
    }
  }
}
