import { DeltaCheck, type DeltaHeader } from '@zen/deltas';
import type { AuditLog } from '../audit/audit-log';
import type { Ledger } from '../quota/ledger';
import { invalid, StoreError } from '../store-error';
import { type TenantSpace, type Tenants, timedName } from '../tenant/tenants';
import { type Blobs, BlobWriter } from './blobs';
import type { Catalog } from './catalog';
import { type DeltaRecord, recordOf } from './delta-record';

const MAX_CHUNK = 2 ** 20;

export interface Published {
  record: DeltaRecord;
  existed: boolean;
}

interface Parts {
  tenants: Tenants;
  catalog: Catalog;
  blobs: Blobs;
  ledger: Ledger;
  audit: AuditLog;
  nowMs: () => number;
}

/**
 * Takes deltas in. The file is checked while it comes, counted before its data are stored, and seen by nobody until
 * its record is made, which is one step; what is left of an attempt that failed is removed, by the collector where
 * the process died.
 */
export class Publisher {
  constructor(private readonly parts: Parts) {}

  async publish(space: TenantSpace, chunks: AsyncIterable<Uint8Array>): Promise<Published> {
    const { ledger } = this.parts;
    const check = new DeltaCheck({ dataBytes: Math.min(ledger.limits.bytes, 2 ** 32 - 1) });
    let attempt: Attempt | null = null;
    let seen = 0;
    try {
      for await (const chunk of chunks) {
        if (chunk.byteLength === 0 || chunk.byteLength > MAX_CHUNK) {
          throw invalid('chunk', `${chunk.byteLength} bytes, must be 1 to ${MAX_CHUNK}`);
        }
        check.push(chunk);
        if (check.header) {
          attempt ??= await this.begin(space, check.header);
          await attempt.writer?.push(chunk.subarray(Math.max(0, check.header.dataOffset - seen)));
        }
        seen += chunk.byteLength;
      }
      const header = check.end();
      await attempt!.writer?.end();
      return await this.finish(space, header, attempt!);
    } catch (error) {
      // A record that names the blob makes it a delta, whatever failed then.
      const blob = attempt?.writer?.blob;
      if (blob !== undefined && !(await this.counts(space, check.header!.digest, blob))) {
        await this.abandon(space, blob);
      }
      throw error;
    }
  }

  private async begin(space: TenantSpace, { digest, manifest }: DeltaHeader): Promise<Attempt> {
    const { catalog, ledger, blobs, nowMs } = this.parts;
    if (await catalog.isGone(space, digest)) {
      throw new StoreError('revoked', `delta ${digest} was deleted; its id is not used again`);
    }
    const existing = await catalog.find(space, digest);
    if (existing) return { existing, writer: null };
    const blob = timedName(nowMs());
    await ledger.begin(space, blob, { digest, bytes: manifest.data.bytes }, nowMs());
    return { existing: null, writer: new BlobWriter(blobs, space, blob) };
  }

  private async finish(
    space: TenantSpace,
    { digest, manifestBytes }: DeltaHeader,
    { existing, writer }: Attempt,
  ): Promise<Published> {
    const { tenants, catalog, ledger, audit, nowMs } = this.parts;
    if (!writer) return { record: existing!, existed: true };
    const record = recordOf(manifestBytes, digest, writer.blob, nowMs());
    // Said before it is done: an entry without a delta is harmless, a delta without an entry is not.
    await audit.add(space.tenant, { by: 'tenant', what: 'publish', digest, bytes: record.bytes });
    if (!(await catalog.add(space, record))) {
      // Somebody published the same at the same time.
      await this.abandon(space, writer.blob);
      return { record: (await catalog.find(space, digest)) ?? record, existed: true };
    }
    await ledger.finish(space, writer.blob);
    if ((await tenants.find(space.tenant))?.epoch !== space.epoch) {
      throw new StoreError('revoked', `delta ${digest}: its tenant was erased meanwhile`);
    }
    return { record, existed: false };
  }

  private async counts(space: TenantSpace, digest: string, blob: string): Promise<boolean> {
    return (await this.parts.catalog.find(space, digest))?.blob === blob;
  }

  private async abandon(space: TenantSpace, blob: string): Promise<void> {
    await this.parts.blobs.remove(space, blob);
    await this.parts.ledger.abandon(space, blob);
  }
}

/** One of the two is set. */
interface Attempt {
  existing: DeltaRecord | null;
  writer: BlobWriter | null;
}
