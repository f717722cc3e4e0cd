import type { Aliases } from '../aliases/aliases';
import type { References } from '../aliases/references';
import type { AuditLog } from '../audit/audit-log';
import type { Blobs } from '../deltas/blobs';
import type { Catalog } from '../deltas/catalog';
import type { DeltaRecord } from '../deltas/delta-record';
import { keyOf, type Leases } from '../leases/leases';
import type { Ledger } from '../quota/ledger';
import { StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';

export interface RemoverParts {
  catalog: Catalog;
  references: References;
  aliases: Aliases;
  leases: Leases;
  blobs: Blobs;
  ledger: Ledger;
  audit: AuditLog;
}

/** Takes deltas away, so that who points at one, holds one or reads one at the same time never sees half of that. */
export class Remover {
  constructor(private readonly parts: RemoverParts) {}

  /** On its tenant's wish. Throws `in-use` while an alias points at it; its bytes go when no replica holds it. */
  async delete(space: TenantSpace, digest: string): Promise<void> {
    const { catalog, references, audit, leases } = this.parts;
    const record = await catalog.require(space, digest);
    await references.markGoing(space, digest);
    const alias = await this.holder(space, digest, 0);
    if (alias !== null) {
      await references.unmarkGoing(space, digest);
      throw new StoreError('in-use', `alias ${alias} points at ${digest}`);
    }
    await audit.add(space.tenant, { by: 'tenant', what: 'delete', digest, bytes: record.bytes });
    await catalog.bury(space, digest);
    await references.unmarkGoing(space, digest);
    const held = await leases.held();
    if (!held.has(keyOf({ tenant: space.tenant, digest }))) await this.sweep(space, record);
  }

  /** Alias that keeps it now, or has within the last `graceMs`. */
  holder(space: TenantSpace, digest: string, graceMs: number): Promise<string | null> {
    const { references, aliases } = this.parts;
    return references.holder(space, digest, graceMs, {
      now: (alias) => aliases.find(space, alias),
      at: (alias, generation) => aliases.at(space, alias, generation),
    });
  }

  /** The bytes of a delta that has its tombstone. Can be done again, and by several at once. */
  async sweep(space: TenantSpace, { digest, blob, bytes }: DeltaRecord): Promise<void> {
    const { catalog, ledger, blobs, references } = this.parts;
    await ledger.leave(space, digest, bytes, async () => (await catalog.find(space, digest)) !== null);
    await blobs.remove(space, blob);
    await references.removeAll(space, digest);
    await catalog.forget(space, digest);
    await ledger.left(space, digest);
  }
}
