import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDelta } from '@zen/deltas';
import { type DeltaService, deltaService, type ServiceOptions } from './delta-service';
import { fetchDelta } from './deltas/fetch-delta';
import { sampleDelta } from './sample-delta.fixture';
import { FolderObjects } from './storage/folder-objects';
import type { ObjectStore } from './storage/object-store';

export const MASTER_KEY = Buffer.alloc(32, 3);
export const HOUR = 3600_000;

/** The store without its wire, on a folder, at a time that the test moves. */
export class TestService {
  /** Milliseconds since the epoch. */
  now = Date.parse('2026-03-01T12:00:00Z');
  readonly service: DeltaService;

  private constructor(
    readonly folder: string,
    objects: ObjectStore,
    options: Partial<ServiceOptions>,
  ) {
    this.service = deltaService({
      objects,
      masterKey: MASTER_KEY,
      limits: { bytes: 2 ** 30, versions: 1000, publishesPerMinute: 10_000 },
      graceMs: HOUR,
      leaseMs: 60_000,
      nowMs: () => this.now,
      ...options,
    });
  }

  static async open(options: Partial<ServiceOptions> = {}, folder?: string): Promise<TestService> {
    const at = folder ?? mkdtempSync(join(tmpdir(), 'zen-deltas-'));
    const objects = options.objects ?? (await FolderObjects.open(at, Date.now()));
    return new TestService(at, objects, options);
  }

  async publish(
    tenant: string,
    file: Uint8Array,
    pieces = 1000,
  ): Promise<{ digest: string; existed: boolean }> {
    const space = await this.service.tenants.findOrMake(tenant);
    const { record, existed } = await this.service.publisher.publish(space, inPieces(file, pieces));
    return { digest: record.digest, existed };
  }

  async fetch(tenant: string, digest: string, offset = 0): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const find = () => this.service.tenants.find(tenant);
    for await (const { chunk } of fetchDelta(this.service, find, { digest, offset: BigInt(offset) })) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async setAlias(tenant: string, name: string, digest: string, expected: number) {
    const space = await this.service.tenants.findOrMake(tenant);
    return this.service.aliases.set(space, name, digest, expected);
  }

  async delete(tenant: string, digest: string): Promise<void> {
    await this.service.remover.delete((await this.service.tenants.find(tenant))!, digest);
  }

  async used(tenant: string): Promise<{ bytes: number; versions: number }> {
    const space = await this.service.tenants.findOrMake(tenant);
    const { bytes, versions } = await this.service.ledger.read(space);
    return { bytes, versions };
  }
}

export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

/** A delta file, its id and its data. */
export function sample(
  seed: number,
  sizes: { hidden?: number; layers?: number } = {},
): { file: Buffer; digest: string; data: Buffer } {
  const { file, digest, dataOffset } = writeDelta(sampleDelta({ seed, ...sizes }));
  return { file, digest, data: file.subarray(dataOffset) };
}
