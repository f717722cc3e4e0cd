import { DeltaStoreServiceDefinition } from '@zen/contracts';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';
import { type Grant, ServiceTokens } from '@zen/service-token';

export type StoreRpc = RpcClient<typeof DeltaStoreServiceDefinition>;

/** What the gateway has of the delta-store: the connection, and the key with which it says for whom it calls. */
export interface DeltaStoreClient {
  rpc: StoreRpc;
  tokens: ServiceTokens;
  /** Longest time for a short call, milliseconds. */
  timeoutMs: number;
}

/** A call's token has to be good for its way to the store alone. */
const CALL_SECONDS = 60;

export function openDeltaStore(
  address: string,
  key: Buffer,
  timeoutMs: number,
  tls: ClientTls | undefined,
): DeltaStoreClient {
  return {
    rpc: client(DeltaStoreServiceDefinition, address, { tls }),
    tokens: new ServiceTokens(key),
    timeoutMs,
  };
}

/** Metadata of a call for a tenant. */
export function callAs(
  { tokens }: Pick<DeltaStoreClient, 'tokens'>,
  tenant: string,
  may: Grant['may'],
  carrier: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const token = tokens.mint({ tenant, may, digest: null }, CALL_SECONDS);
  return { ...carrier, authorization: `Bearer ${token}` };
}
