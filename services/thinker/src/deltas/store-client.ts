import { DeltaStoreServiceDefinition, type HeldDelta, type LeaseResponse } from '@zen/contracts';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';
import type { ServiceTokens } from '@zen/service-token';
import type { DeltaId } from './delta-id';
import type { Fetch } from './fetch-delta';

/** Seconds for which a token for a lease is good. */
const TOKEN_S = 60;
const LEASE_TIMEOUT_MS = 10_000;

/** The delta-store as a thinker sees it. */
export class StoreClient {
  private readonly rpc: RpcClient<typeof DeltaStoreServiceDefinition>;

  constructor(
    address: string,
    private readonly tokens: ServiceTokens,
    tls: ClientTls | undefined,
  ) {
    this.rpc = client(DeltaStoreServiceDefinition, address, { tls });
  }

  /** Reads as whoever gave the token. */
  fetch({ digest }: DeltaId, token: string): Fetch {
    return (offset, signal) =>
      this.rpc.fetch({ digest, offset: BigInt(offset) }, { signal, metadata: bearer(token) });
  }

  /** Says what is held under this name. */
  lease(holder: string, held: HeldDelta[], signal: AbortSignal): Promise<LeaseResponse> {
    const token = this.tokens.mint({ tenant: null, may: 'operate', digest: null }, TOKEN_S);
    return this.rpc.lease({ holder, held }, { signal, timeoutMs: LEASE_TIMEOUT_MS, metadata: bearer(token) });
  }

  close(): void {
    this.rpc.close();
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
