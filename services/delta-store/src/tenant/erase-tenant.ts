import type { AuditLog } from '../audit/audit-log';
import type { Collector } from '../garbage/collector';
import type { Ledger } from '../quota/ledger';
import type { Tenants } from './tenants';

export interface Erased {
  deltas: number;
  bytes: number;
  keyFingerprint: string;
}

/**
 * Everything of a tenant, at once: its key first, so that bytes that outlive it anywhere, in a backup too, can be read
 * by nobody. Leases keep nothing of it; their holders hear of it when they next renew.
 */
export async function eraseTenant(
  parts: { tenants: Tenants; ledger: Ledger; audit: AuditLog; collector: Collector; nowMs: () => number },
  tenant: string,
): Promise<Erased> {
  const { tenants, ledger, audit, collector, nowMs } = parts;
  const space = await tenants.find(tenant);
  const { versions: deltas, bytes } = space ? await ledger.read(space) : { versions: 0, bytes: 0 };
  if (space) {
    const keyFingerprint = space.cipher.fingerprint;
    // Said before it is done: an erasure without an entry could not be proved.
    await audit.add(tenant, { by: 'tenant', what: 'erase', keyFingerprint, deltas, bytes });
  }
  const root = await tenants.destroyKey(tenant, nowMs());
  if (root) await collector.removeEpoch(tenant, root.epoch);
  return { deltas, bytes, keyFingerprint: root?.fingerprint ?? '' };
}
