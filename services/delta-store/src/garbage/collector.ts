import type { DeltaRecord } from '../deltas/delta-record';
import { type Held, keyOf } from '../leases/leases';
import { listAll, type ObjectStore } from '../storage/object-store';
import { madeMs, type TenantRoot, type TenantSpace, type Tenants, tenantId } from '../tenant/tenants';
import type { Remover, RemoverParts } from './remover';

/** A publish or a deletion takes minutes at most; what one has left after this belongs to nobody, milliseconds. */
const LEFT_BEHIND_MS = 24 * 3600_000;

export interface Collected {
  removed: Held[];
  bytes: number;
}

interface Parts extends RemoverParts {
  objects: ObjectStore;
  tenants: Tenants;
  remover: Remover;
  nowMs: () => number;
}

/**
 * Removes what nothing keeps: deltas that no alias points at, no replica holds and whose grace is over; deleted ones
 * that no replica holds any more; and what processes that died have left. Safe beside everything else, and beside
 * another collector.
 */
export class Collector {
  constructor(
    private readonly parts: Parts,
    private readonly graceMs: number,
  ) {}

  /** With `dryRun` it only says what it would remove. */
  async collect(dryRun: boolean): Promise<Collected> {
    const collected: Collected = { removed: [], bytes: 0 };
    for await (const root of this.parts.tenants.all()) {
      if (!dryRun) await this.removeEpochs(root);
      const space = await this.parts.tenants.find(root.tenant);
      if (space) await this.collectTenant(space, dryRun, collected);
    }
    return collected;
  }

  /** What was stored in one epoch of a tenant; its key first. */
  async removeEpoch(tenant: string, epoch: string): Promise<void> {
    const { objects } = this.parts;
    await objects.remove(`keys/${tenantId(tenant)}/${epoch}`);
    for await (const name of listAll(objects, `data/${tenantId(tenant)}/${epoch}/`))
      await objects.remove(name);
  }

  /** Epochs that an erasure, or the making of a tenant, has left when its process died. */
  private async removeEpochs({ tenant, epoch: last, erasedMs }: TenantRoot): Promise<void> {
    for (const folder of ['keys', 'data']) {
      const root = `${folder}/${tenantId(tenant)}/`;
      for (let after = ''; ; ) {
        const [name] = await this.parts.objects.list(root, { after, limit: 1 });
        if (name === undefined) break;
        const epoch = name.slice(root.length).split('/')[0]!;
        // A young one may be that of a tenant that is being made.
        const stays = epoch === last ? erasedMs === null : !this.isOld(epoch);
        if (!stays) await this.removeEpoch(tenant, epoch);
        // Behind all of that epoch's names.
        after = folder === 'keys' ? name : `${root}${epoch}/~`;
      }
    }
  }

  /** Epochs and blobs have the time of their making in their names. */
  private isOld(name: string): boolean {
    return this.parts.nowMs() - madeMs(name) > LEFT_BEHIND_MS;
  }

  private async collectTenant(space: TenantSpace, dryRun: boolean, collected: Collected): Promise<void> {
    const { catalog, references, remover, leases, audit } = this.parts;
    const blobs = new Set<string>();
    const buried: DeltaRecord[] = [];
    const unwanted: DeltaRecord[] = [];
    for await (const digest of catalog.digests(space)) {
      const record = await catalog.find(space, digest);
      if (!record) continue;
      blobs.add(record.blob);
      if (await catalog.isGone(space, digest)) buried.push(record);
      else if (await this.isUnwanted(space, record)) unwanted.push(record);
    }
    const marked: DeltaRecord[] = [];
    for (const record of dryRun ? [] : unwanted) {
      await references.markGoing(space, record.digest);
      // Somebody may have pointed at it before the mark was there.
      if (await this.isUnwanted(space, record)) marked.push(record);
      else await references.unmarkGoing(space, record.digest);
    }
    // Read after the marks: who takes a lease looks for them after writing it.
    const held = await leases.held();
    const isHeld = ({ digest }: DeltaRecord) => held.has(keyOf({ tenant: space.tenant, digest }));
    for (const record of dryRun ? unwanted : marked) {
      const { digest, bytes } = record;
      if (!isHeld(record) && !dryRun) {
        await audit.add(space.tenant, { by: 'collector', what: 'collect', digest, bytes });
        await catalog.bury(space, digest);
      }
      if (!dryRun) await references.unmarkGoing(space, digest);
    }
    for (const record of [...buried, ...(dryRun ? unwanted : marked)]) {
      if (isHeld(record)) continue;
      if (!dryRun) await remover.sweep(space, record);
      collected.removed.push({ tenant: space.tenant, digest: record.digest });
      collected.bytes += record.bytes;
    }
    if (!dryRun) await this.tidy(space, blobs);
  }

  private async isUnwanted(space: TenantSpace, { digest, publishedMs }: DeltaRecord): Promise<boolean> {
    if (this.parts.nowMs() - publishedMs < this.graceMs) return false;
    return (await this.parts.remover.holder(space, digest, this.graceMs)) === null;
  }

  /** What processes that died have left: blobs without a record, counts without an end, marks. */
  private async tidy(space: TenantSpace, known: ReadonlySet<string>): Promise<void> {
    const { catalog, blobs, ledger, references } = this.parts;
    const { pending, leaving } = await ledger.read(space);
    for (const [blob, { digest }] of Object.entries(pending)) {
      if (!this.isOld(blob)) continue;
      if ((await catalog.find(space, digest))?.blob === blob) await ledger.finish(space, blob);
      else await ledger.abandon(space, blob);
    }
    for (const digest of leaving) {
      if (!(await catalog.find(space, digest))) await ledger.left(space, digest);
    }
    for await (const blob of blobs.all(space)) {
      if (!this.isOld(blob)) break;
      if (!known.has(blob)) await blobs.remove(space, blob);
    }
    await references.forgetInterrupted(space);
  }
}
