import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, replaceFile } from '@zen/disk';
import { sha256 } from '../sha256';

/** What is known of an upload that has begun, so that a later process can go on with it. Holds no credentials. */
export class UploadRecord<T> {
  private readonly path: string;

  /** `what` names target and blob. */
  constructor(
    private readonly home: string,
    what: string,
  ) {
    this.path = join(home, 'uploads', `${sha256(what)}.json`);
  }

  /** Null where there is none, or none that can be used. */
  async read(usable: (value: unknown) => value is T): Promise<T | null> {
    try {
      const value: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      return usable(value) ? value : null;
    } catch (error) {
      // Half a record is no record: the upload begins anew.
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw DiskError.from(error, this.path);
    }
  }

  async write(value: T): Promise<void> {
    try {
      await mkdir(join(this.home, 'uploads'), { recursive: true });
    } catch (error) {
      throw DiskError.from(error, this.path);
    }
    await replaceFile(this.path, JSON.stringify(value));
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
