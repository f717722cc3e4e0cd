import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DiskError, syncFolder } from '@zen/disk';
import { checkName, type ObjectStore } from './object-store';

/** A file that a killed process left half written is removed when it is this old, milliseconds. */
const LEFT_BEHIND_MS = 3600_000;

/**
 * Objects as files, safe against kill -9 and power loss at any point and shared by processes, also of several nodes
 * where the file system has hard links: a file gets its name by link(2), which fails where the name is taken, once its
 * bytes are on the disk.
 */
export class FolderObjects implements ObjectStore {
  private readonly root: string;
  private readonly unfinished: string;

  private constructor(folder: string) {
    this.root = join(folder, 'objects');
    this.unfinished = join(folder, 'unfinished');
  }

  static async open(folder: string, nowMs: number): Promise<FolderObjects> {
    const objects = new FolderObjects(folder);
    try {
      await mkdir(objects.root, { recursive: true });
      await mkdir(objects.unfinished, { recursive: true });
      await syncFolder(folder);
      for (const name of await readdir(objects.unfinished)) {
        const path = join(objects.unfinished, name);
        const age = await stat(path).then(
          ({ mtimeMs }) => nowMs - mtimeMs,
          () => 0,
        );
        if (age > LEFT_BEHIND_MS) await rm(path, { force: true });
      }
    } catch (error) {
      throw DiskError.from(error, folder);
    }
    return objects;
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const path = this.path(name);
    const unfinished = join(this.unfinished, randomUUID());
    try {
      const file = await open(unfinished, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      const created = await this.name(unfinished, path);
      // Also where another was first: its name has to last before anybody builds on it.
      await syncFolder(dirname(path));
      return created;
    } catch (error) {
      throw DiskError.from(error, path);
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  async read(name: string): Promise<Buffer | null> {
    try {
      return await readFile(this.path(name));
    } catch (error) {
      if (isMissing(error)) return null;
      throw DiskError.from(error, name);
    }
  }

  async remove(name: string): Promise<void> {
    const path = this.path(name);
    try {
      await rm(path);
      await syncFolder(dirname(path));
    } catch (error) {
      if (isMissing(error) || (error as DiskError).failure === 'not-found') return;
      throw DiskError.from(error, path);
    }
  }

  async list(prefix: string, { after = '', limit }: { after?: string; limit: number }): Promise<string[]> {
    const found: string[] = [];
    // A prefix may end inside a part: its folder is the one above.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    await this.walk(folder, { prefix, after, limit }, found);
    return found;
  }

  async check(): Promise<void> {
    await stat(this.root).catch((error) => {
      throw DiskError.from(error, this.root);
    });
  }

  /** `folder` is '' or ends in a slash. */
  private async walk(
    folder: string,
    wanted: { prefix: string; after: string; limit: number },
    found: string[],
  ): Promise<void> {
    const entries = await readdir(join(this.root, folder), { withFileTypes: true }).catch((error) => {
      if (isMissing(error)) return [];
      throw DiskError.from(error, folder);
    });
    // With its slash a folder sorts among the files as the names in it do.
    const names = entries.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`);
    for (const name of names.sort(byBytes)) {
      if (found.length >= wanted.limit) return;
      if (!name.startsWith(wanted.prefix) && !wanted.prefix.startsWith(name)) continue;
      if (name.endsWith('/')) {
        if (byBytes(name, wanted.after) > 0 || wanted.after.startsWith(name)) {
          await this.walk(name, wanted, found);
        }
      } else if (byBytes(name, wanted.after) > 0) found.push(name);
    }
  }

  private path(name: string): string {
    return join(this.root, checkName(name));
  }

  private async name(unfinished: string, path: string): Promise<boolean> {
    for (;;) {
      try {
        await link(unfinished, path);
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') return false;
        if (code !== 'ENOENT') throw error;
        await this.makeFolder(dirname(path));
      }
    }
  }

  /** Each new folder's name is made durable in the one above. */
  private async makeFolder(path: string): Promise<void> {
    try {
      await mkdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') {
        await this.makeFolder(dirname(path));
        return this.makeFolder(path);
      }
      if (code !== 'EEXIST') throw error;
    }
    await syncFolder(dirname(path));
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
