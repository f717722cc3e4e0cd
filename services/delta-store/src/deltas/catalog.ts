import { isDigest } from '@zen/deltas';
import { listAll, type ObjectStore } from '../storage/object-store';
import { invalid, StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';
import type { DeltaRecord } from './delta-record';

/** A page of names, and where the next one begins; '' after the last. */
export interface Page<T> {
  items: T[];
  next: string;
}

/**
 * Which deltas a tenant has. A delta is there from the moment that its record is, and gone from the moment that its
 * tombstone is; that one stays for ever, so that an id is never used again.
 */
export class Catalog {
  constructor(private readonly objects: ObjectStore) {}

  /** The delta; throws `not-found`, or `revoked` where it was deleted. A tenant without anything is null. */
  async require(space: TenantSpace | null, digest: string): Promise<DeltaRecord> {
    const hex = hexOf(digest);
    if (!space) throw missing(digest);
    const record = await this.find(space, digest);
    if (await this.objects.read(`${space.prefix}/gone/${hex}`)) {
      throw new StoreError('revoked', `delta ${digest} was deleted`);
    }
    if (!record) throw missing(digest);
    return record;
  }

  /** The record, also of a deleted delta whose bytes are still there. */
  async find({ prefix, cipher }: TenantSpace, digest: string): Promise<DeltaRecord | null> {
    const name = `${prefix}/deltas/${hexOf(digest)}`;
    const sealed = await this.objects.read(name);
    return sealed && JSON.parse(cipher.openRecord(name, sealed).toString('utf8'));
  }

  async isGone({ prefix }: TenantSpace, digest: string): Promise<boolean> {
    return (await this.objects.read(`${prefix}/gone/${hexOf(digest)}`)) !== null;
  }

  /** Makes a delta visible, all at once; false where it is there already. */
  async add({ prefix, cipher }: TenantSpace, record: DeltaRecord): Promise<boolean> {
    const name = `${prefix}/deltas/${hexOf(record.digest)}`;
    return this.objects.create(name, cipher.sealRecord(name, Buffer.from(JSON.stringify(record))));
  }

  async bury({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.create(`${prefix}/gone/${hexOf(digest)}`, Buffer.alloc(0));
  }

  async forget({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.remove(`${prefix}/deltas/${hexOf(digest)}`);
  }

  /** Those that are there, in the order of their digests. */
  async list(space: TenantSpace, after: string, limit: number): Promise<Page<DeltaRecord>> {
    const folder = `${space.prefix}/deltas/`;
    const from = after === '' ? '' : `${folder}${hexOf(after)}`;
    const names = await this.objects.list(folder, { after: from, limit });
    const digests = names.map((name) => `sha256:${name.slice(folder.length).replace('/', '')}`);
    const records = await Promise.all(
      digests.map(async (digest) => ((await this.isGone(space, digest)) ? null : this.find(space, digest))),
    );
    const next = digests.length < limit ? '' : digests.at(-1)!;
    return { items: records.filter((record) => record !== null), next };
  }

  /** All that have a record, deleted or not. */
  async *digests(space: TenantSpace): AsyncGenerator<string> {
    const folder = `${space.prefix}/deltas/`;
    for await (const name of listAll(this.objects, folder)) {
      yield `sha256:${name.slice(folder.length).replace('/', '')}`;
    }
  }

  async has({ prefix }: TenantSpace, digest: string): Promise<boolean> {
    return (await this.objects.read(`${prefix}/deltas/${hexOf(digest)}`)) !== null;
  }
}

/** `ab/cdef…`: folders of some hundred entries each where a tenant has 100,000 deltas. */
export function hexOf(digest: string): string {
  if (!isDigest(digest)) throw invalid('digest', 'must be "sha256:" and 64 lower-case hex digits');
  return `${digest.slice(7, 9)}/${digest.slice(9)}`;
}

function missing(digest: string): StoreError {
  return new StoreError('not-found', `there is no delta ${digest}`);
}
