import { type FileHandle, open } from 'node:fs/promises';
import { fileError, SourceError } from './source-error';

/** Reads ranges of one file; the file is opened once and closed by `close`. */
export class FileRegions {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly file: FileHandle,
  ) {}

  static async open(path: string): Promise<FileRegions> {
    try {
      const file = await open(path, 'r');
      const found = await file.stat();
      if (found.isFile()) return new FileRegions(path, found.size, file);
      await file.close();
    } catch (error) {
      throw fileError(error, path);
    }
    throw new SourceError('file', `${path} is not a file`);
  }

  /** Exactly `bytes` bytes from `offset`. */
  async read(offset: number, bytes: number): Promise<Uint8Array> {
    const into = new Uint8Array(bytes);
    try {
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await this.file.read(into, done, bytes - done, offset + done);
        if (bytesRead === 0) {
          throw new SourceError(
            'wrong-length',
            `${this.path}: ends at ${offset + done}, expected ${offset + bytes}`,
          );
        }
        done += bytesRead;
      }
    } catch (error) {
      throw fileError(error, this.path);
    }
    return into;
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
