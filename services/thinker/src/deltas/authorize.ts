import type { DeltaRef } from '@zen/contracts';
import { isDigest } from '@zen/deltas';
import { ServiceTokenError, type ServiceTokens } from '@zen/service-token';
import { invalid, ThinkerError } from '../request/thinker-error';
import { type DeltaId, deltaId } from './delta-id';

/**
 * Whose delta a request may have: what its token says, whatever else the request claims. Asked for every request,
 * whether or not the delta is here.
 */
export function authorize({ digest, token }: DeltaRef, tenant: string, tokens: ServiceTokens): DeltaId {
  if (!isDigest(digest)) throw invalid('delta.digest', 'must be sha256: and 64 lower-case hex digits');
  const grant = granted(token, tokens);
  if (grant.tenant === null || grant.may !== 'read') throw denied('it does not let a tenant read');
  if (grant.digest !== digest) throw denied('it is for another delta');
  if (tenant !== '' && tenant !== grant.tenant) throw denied('it is for another tenant');
  return deltaId(grant.tenant, digest);
}

function granted(token: string, tokens: ServiceTokens) {
  try {
    return tokens.verify(token);
  } catch (error) {
    if (error instanceof ServiceTokenError) throw denied(error.message);
    throw error;
  }
}

function denied(why: string): ThinkerError {
  return new ThinkerError('delta_denied', `delta.token: ${why}`);
}
