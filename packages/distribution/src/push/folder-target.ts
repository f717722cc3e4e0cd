import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, publishFile, replaceFile } from '@zen/disk';
import { blobPath, CHUNK_BYTES, type LadderManifest, type StageLayer } from '@zen/ladder';
import { indexJson, LAYOUT_JSON } from '../store/layout-json';
import type { BlobSource, PushTarget } from './push-target';

/** A folder. Each blob appears by rename once it is on disk, the index last: whoever reads sees one whole ladder. */
export class FolderTarget implements PushTarget {
  constructor(private readonly folder: string) {}

  async has(digest: string, bytes: number): Promise<boolean> {
    const path = blobPath(this.folder, digest);
    try {
      return (await stat(path)).size === bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw DiskError.from(error, path);
    }
  }

  async put(digest: string, data: Buffer): Promise<void> {
    await this.makeFolder();
    await replaceFile(blobPath(this.folder, digest), data);
  }

  async upload(layer: StageLayer, source: BlobSource, signal: AbortSignal): Promise<void> {
    await this.makeFolder();
    const path = blobPath(this.folder, layer.digest);
    const next = `${path}.${randomUUID()}.new`;
    try {
      const file = await open(next, 'wx');
      try {
        for (let at = 0; at < layer.bytes; ) {
          signal.throwIfAborted();
          const data = await source.read(at, Math.min(CHUNK_BYTES, layer.bytes - at));
          await file.writeFile(data);
          at += data.length;
          source.sent(at);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await publishFile(next, path);
    } catch (error) {
      await rm(next, { force: true });
      throw (error as NodeJS.ErrnoException)?.code?.startsWith('E') ? DiskError.from(error, path) : error;
    }
  }

  async publish(manifest: LadderManifest, json: Buffer): Promise<void> {
    await this.put(manifest.digest, json);
    await replaceFile(join(this.folder, 'oci-layout'), LAYOUT_JSON);
    await replaceFile(join(this.folder, 'index.json'), indexJson(manifest.digest, json.byteLength));
  }

  private async makeFolder(): Promise<void> {
    try {
      await mkdir(join(this.folder, 'blobs', 'sha256'), { recursive: true });
    } catch (error) {
      throw DiskError.from(error, this.folder);
    }
  }
}
