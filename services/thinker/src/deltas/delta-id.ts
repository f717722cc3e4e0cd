import { cacheScope } from '@zen/deltas';

/** One tenant's delta. */
export interface DeltaId {
  tenant: string;
  /** `sha256:<hex>`. */
  digest: string;
  /** Roots what is cached for the two, 32 bytes. */
  scope: Uint8Array;
  /** The scope in hex: names the two wherever a text is needed. */
  key: string;
}

export function deltaId(tenant: string, digest: string): DeltaId {
  const scope = cacheScope(tenant, digest);
  return { tenant, digest, scope, key: Buffer.from(scope).toString('hex') };
}
