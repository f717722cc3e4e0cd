import type { References } from '../aliases/references';
import type { Catalog } from '../deltas/catalog';
import type { TenantSpace, Tenants } from '../tenant/tenants';
import type { Held } from './leases';

/** Looked up at once. */
const AT_ONCE = 32;

/** Those that a holder must drop: deleted, being deleted, or of a tenant that was erased. */
export async function revokedOf(
  { tenants, catalog, references }: { tenants: Tenants; catalog: Catalog; references: References },
  held: readonly Held[],
): Promise<Held[]> {
  const spaces = new Map<string, Promise<TenantSpace | null>>();
  const spaceOf = (tenant: string) => {
    const known = spaces.get(tenant) ?? tenants.find(tenant);
    spaces.set(tenant, known);
    return known;
  };
  const revoked: Held[] = [];
  const waiting = held.values();
  const look = async () => {
    for (const one of waiting) {
      const space = await spaceOf(one.tenant);
      if (
        !space ||
        !(await catalog.has(space, one.digest)) ||
        (await references.isLeaving(space, one.digest))
      ) {
        revoked.push(one);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  return revoked;
}
