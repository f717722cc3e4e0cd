import { isDigest } from '@zen/deltas';
import type { CallContext } from '@zen/rpc';
import { type Grant, ServiceTokenError, type ServiceTokens } from '@zen/service-token';
import { StoreError } from '../store-error';

/** Whoever calls where there is no service key; only this machine can. */
export const ANONYMOUS = 'anonymous';

/** Who may do what, from the call's token alone. `tokens` is null where everybody is anonymous. */
export class Authorizer {
  constructor(private readonly tokens: ServiceTokens | null) {}

  /** The tenant whose call this is. A token for one delta is good for nothing else. */
  tenant({ metadata }: CallContext, need: 'read' | 'write', digest: string | null): string {
    if (!this.tokens) return ANONYMOUS;
    const grant = this.grant(metadata.authorization);
    if (grant.tenant === null || grant.may === 'operate') {
      throw new StoreError('forbidden', 'token: not bound to a tenant');
    }
    if (need === 'write' && grant.may !== 'write') throw new StoreError('forbidden', 'token: may only read');
    if (grant.digest !== null && grant.digest !== digest) {
      throw new StoreError('forbidden', `token: only for ${grant.digest}`);
    }
    return grant.tenant;
  }

  /** Throws unless the call may do what concerns all tenants. */
  operator({ metadata }: CallContext): void {
    if (!this.tokens) return;
    const grant = this.grant(metadata.authorization);
    if (grant.tenant !== null || grant.may !== 'operate') {
      throw new StoreError('forbidden', 'token: must be one to operate, not bound to a tenant');
    }
  }

  private grant(authorization: string | undefined): Grant {
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw new StoreError('unauthenticated', 'authorization: needs "Bearer TOKEN"');
    try {
      return this.tokens!.verify(token);
    } catch (error) {
      if (error instanceof ServiceTokenError) throw new StoreError('unauthenticated', error.message);
      throw error;
    }
  }
}

/** What a token for one delta is compared with: an alias is none. */
export function digestOrNull(name: string): string | null {
  return isDigest(name) ? name : null;
}
