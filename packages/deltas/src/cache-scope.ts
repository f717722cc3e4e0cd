import { createHash } from 'node:crypto';

/**
 * The 32 bytes that root everything cached for a tenant under a delta (null: the base model): two requests share
 * cached work only where both are equal. SHA-256 of "tenant", the tenant, "delta" and the digest or nothing, each
 * with its length in bytes before it (u32, little-endian), so that no two pairs give the same text.
 */
export function cacheScope(tenant: string, digest: string | null): Uint8Array {
  const hash = createHash('sha256');
  for (const field of ['tenant', tenant, 'delta', digest ?? '']) {
    const bytes = Buffer.from(field, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  }
  return new Uint8Array(hash.digest());
}
