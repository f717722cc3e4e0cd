import type { RpcError } from '@zen/rpc';
import type { GatewayFailure } from '../gateway-error';

const NAMED = [
  'delta_not_found',
  'delta_wrong_base',
  'delta_revoked',
  'delta_corrupt',
  'delta_too_large',
  'delta_store_unavailable',
] as const satisfies readonly GatewayFailure[];

export type DeltaFailure = (typeof NAMED)[number];

/** What a service that failed at a delta calls it, in the trailer `x-zen-failure`; undefined for any other failure. */
export function deltaFailure({ metadata }: Pick<RpcError, 'metadata'>): DeltaFailure | undefined {
  const name = metadata['x-zen-failure']?.replaceAll('-', '_');
  return NAMED.find((one) => one === name);
}
