import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { publishFile, replaceFile } from '@zen/disk';
import { fileError } from '../source-error';

/** What a partial file remembers beside its bytes: whose they are, and how far they are on disk. */
export interface PartialState {
  /** Bytes that had reached the disk when the state was written; what follows them is dropped on resume. */
  bytes: number;
  /** Identity of the content, chosen by the fetcher; another identity starts from nothing. */
  identity: string;
  /** The fetcher's own notes (validator, total length, parts done). */
  notes: Record<string, string | number | null>;
}

/** Bytes between two syncs: at most this much is fetched again after a crash. */
export const SYNC_BYTES = 4 * 1024 * 1024;

/**
 * A file that grows at its end and survives `kill -9` and power loss: `TARGET.part` beside
 * `TARGET.part.json`. The state is replaced atomically and only after the bytes it counts are synced.
 */
export class PartialFile {
  private synced: number;

  private constructor(
    readonly target: string,
    private readonly file: FileHandle,
    private size: number,
    private identity: string,
    public notes: PartialState['notes'],
  ) {
    this.synced = size;
  }

  /** Opens what is left of an earlier try with the same identity, or an empty file. */
  static async open(target: string, identity: string): Promise<PartialFile> {
    const part = `${target}.part`;
    try {
      const state = await readState(`${part}.json`);
      const keep = state !== null && state.identity === identity;
      const file = await open(part, constants.O_RDWR | constants.O_CREAT).catch((error) => {
        throw fileError(error, part);
      });
      try {
        const onDisk = (await file.stat()).size;
        const bytes = keep && state.bytes <= onDisk ? state.bytes : 0;
        await file.truncate(bytes);
        return new PartialFile(target, file, bytes, identity, bytes > 0 && keep ? state.notes : {});
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      throw fileError(error, part);
    }
  }

  get bytes(): number {
    return this.size;
  }

  /** Appends; syncs and records every SYNC_BYTES. */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      let done = 0;
      while (done < chunk.byteLength) {
        const { bytesWritten } = await this.file.write(
          chunk,
          done,
          chunk.byteLength - done,
          this.size + done,
        );
        done += bytesWritten;
      }
    } catch (error) {
      throw fileError(error, this.target);
    }
    this.size += chunk.byteLength;
    if (this.size - this.synced >= SYNC_BYTES) await this.sync();
  }

  /** Brings all bytes and the notes to disk. */
  async sync(): Promise<void> {
    try {
      await this.file.datasync();
      await replaceFile(
        `${this.target}.part.json`,
        JSON.stringify({
          bytes: this.size,
          identity: this.identity,
          notes: this.notes,
        } satisfies PartialState),
      );
    } catch (error) {
      throw fileError(error, this.target);
    }
    this.synced = this.size;
  }

  /** Drops everything after the first `bytes` bytes. */
  async truncate(bytes: number): Promise<void> {
    try {
      await this.file.truncate(bytes);
    } catch (error) {
      throw fileError(error, this.target);
    }
    this.size = bytes;
    await this.sync();
  }

  /** All bytes from the start, for hashing. */
  async *read(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(1024 * 1024);
    for (let at = 0; at < this.size; ) {
      const { bytesRead } = await this.file.read(buffer, 0, Math.min(buffer.length, this.size - at), at);
      if (bytesRead === 0) throw fileError(new Error('shorter than it was a moment ago'), this.target);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Makes the partial file the target. The handle is closed. */
  async finish(): Promise<void> {
    try {
      await this.file.sync();
      await this.file.close();
      await publishFile(`${this.target}.part`, this.target);
      await rm(`${this.target}.part.json`, { force: true });
    } catch (error) {
      throw fileError(error, this.target);
    }
  }

  /** Keeps what is on disk for a later try. */
  async close(): Promise<void> {
    await this.file.close();
  }

  /** Throws the content away, for instance because its hash is wrong. */
  async discard(): Promise<void> {
    await this.file.close();
    await rm(`${this.target}.part`, { force: true });
    await rm(`${this.target}.part.json`, { force: true });
  }
}

/** Null when there is no state or it cannot be used; then the fetch starts from nothing. */
async function readState(path: string): Promise<PartialState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const state = JSON.parse(text) as PartialState;
    const usable =
      Number.isSafeInteger(state.bytes) &&
      state.bytes >= 0 &&
      typeof state.identity === 'string' &&
      typeof state.notes === 'object' &&
      state.notes !== null;
    return usable ? state : null;
  } catch {
    return null; // half a state is no state
  }
}
