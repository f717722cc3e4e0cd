import { listAll, type ObjectStore } from '../storage/object-store';
import type { TenantSpace } from '../tenant/tenants';
import { SEGMENT_BYTES } from './delta-record';

/** The encrypted data of deltas, in segments. */
export class Blobs {
  constructor(private readonly objects: ObjectStore) {}

  async write({ prefix, cipher }: TenantSpace, blob: string, index: number, plain: Buffer): Promise<void> {
    await this.objects.create(segmentName(prefix, blob, index), cipher.sealSegment(blob, index, plain));
  }

  /** One segment, verified; null where it is not there. Throws `corrupt`. */
  async read({ prefix, cipher }: TenantSpace, blob: string, index: number): Promise<Buffer | null> {
    const sealed = await this.objects.read(segmentName(prefix, blob, index));
    return sealed && cipher.openSegment(blob, index, sealed);
  }

  async remove({ prefix }: TenantSpace, blob: string): Promise<void> {
    for await (const name of listAll(this.objects, `${folderOf(prefix, blob)}/${blob}.`)) {
      await this.objects.remove(name);
    }
  }

  /** Names of blobs, each once, the oldest first. */
  async *all({ prefix }: TenantSpace): AsyncGenerator<string> {
    let last = '';
    for await (const name of listAll(this.objects, `${prefix}/blobs/`)) {
      const blob = name.slice(name.lastIndexOf('/') + 1, name.lastIndexOf('.'));
      if (blob !== last) yield blob;
      last = blob;
    }
  }
}

/** Takes a delta's data in pieces of any size and stores them segment by segment. */
export class BlobWriter {
  private readonly parts: Uint8Array[] = [];
  private waiting = 0;
  private index = 0;

  constructor(
    private readonly blobs: Blobs,
    private readonly space: TenantSpace,
    readonly blob: string,
  ) {}

  /** Resolves when there is room for more. */
  async push(data: Uint8Array): Promise<void> {
    for (let from = 0; from < data.byteLength; ) {
      const piece = data.subarray(from, from + SEGMENT_BYTES - this.waiting);
      this.parts.push(piece);
      this.waiting += piece.byteLength;
      from += piece.byteLength;
      if (this.waiting === SEGMENT_BYTES) await this.flush();
    }
  }

  async end(): Promise<void> {
    if (this.waiting > 0) await this.flush();
  }

  private async flush(): Promise<void> {
    const segment = Buffer.concat(this.parts);
    this.parts.length = 0;
    this.waiting = 0;
    await this.blobs.write(this.space, this.blob, this.index++, segment);
  }
}

function folderOf(prefix: string, blob: string): string {
  // Blobs of the same quarter of an hour stand together: folders stay small, and the oldest come first.
  return `${prefix}/blobs/${blob.slice(0, 7)}`;
}

function segmentName(prefix: string, blob: string, index: number): string {
  return `${folderOf(prefix, blob)}/${blob}.${String(index).padStart(6, '0')}`;
}
