import type { RpcError } from '@zen/rpc';
import type { GatewayFailure } from '../gateway-error';

/** What services call a failure at a delta, in the trailer `x-zen-failure`, and what callers are told. */
const NAMED: Readonly<Record<string, GatewayFailure>> = {
  delta_not_found: 'delta_not_found',
  delta_wrong_base: 'delta_wrong_base',
  delta_revoked: 'delta_revoked',
  delta_corrupt: 'delta_corrupt',
  delta_too_large: 'delta_too_large',
  delta_store_unavailable: 'delta_store_unavailable',
  // It takes no deltas, although it said that it does.
  deltas_off: 'unsupported',
  // Our own token: another key, or a clock that is off.
  delta_denied: 'internal',
  no_builds: 'unsupported',
  storage_full: 'unavailable',
};

/** Undefined where it has no name of a delta's. */
export function deltaFailure({ metadata }: Pick<RpcError, 'metadata'>): GatewayFailure | undefined {
  const name = metadata['x-zen-failure'] ?? '';
  return Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
}

/** A replica that fails so is well, and another one may have the delta. */
const ELSEWHERE = new Set(['delta_store_unavailable', 'delta_lost']);

export function mayBeElsewhere({ metadata }: Pick<RpcError, 'metadata'>): boolean {
  return ELSEWHERE.has(metadata['x-zen-failure'] ?? '');
}
