import { timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../gateway-error';
import { digestOf, type KeyEntry, MAX_KEY_LENGTH } from './key-entry';
import { ANONYMOUS, type Tenant } from './tenant';

/** Who a caller is. Without any key configured everybody is the anonymous tenant. */
export class KeyRing {
  private entries = new Map<string, KeyEntry>();

  constructor(
    entries: readonly KeyEntry[],
    readonly required: boolean,
  ) {
    this.replace(entries);
  }

  /** A later line with the same key wins. */
  replace(entries: readonly KeyEntry[]): void {
    this.entries = new Map(entries.map((entry) => [entry.digest.toString('hex'), entry]));
  }

  get size(): number {
    return this.entries.size;
  }

  /** The tenant of a key by its id, as long as there is one. */
  byId(keyId: string): Tenant {
    const tenant = this.required ? this.entries.get(keyId)?.tenant : ANONYMOUS;
    if (tenant) return tenant;
    throw new GatewayError('invalid_api_key', 'the API key behind this secret is not known any more');
  }

  /** The tenant of an `Authorization` header. */
  authenticate(authorization: string | undefined): Tenant {
    if (!this.required) return ANONYMOUS;
    if (authorization === undefined) {
      throw new GatewayError('invalid_api_key', 'an API key is needed: authorization: Bearer KEY');
    }
    const key = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (!key || key.length > MAX_KEY_LENGTH) {
      throw new GatewayError('invalid_api_key', 'the authorization header is not of the form: Bearer KEY');
    }
    // Looking a digest up tells a caller nothing by its time: to learn from it, digests would have to be chosen.
    const digest = digestOf(key);
    const entry = this.entries.get(digest.toString('hex'));
    if (!entry || !timingSafeEqual(entry.digest, digest)) {
      throw new GatewayError('invalid_api_key', 'the API key is not known');
    }
    return entry.tenant;
  }
}
