import type { CallOptions } from '@zen/rpc';
import type { Grant } from '@zen/service-token';
import type { FastifyRequest } from 'fastify';
import type { Gate } from '../../door/gate';
import type { Visit } from '../../door/visit';
import { GatewayError } from '../../gateway-error';
import { headersOf, visitOf } from '../../http/visits';
import { ANONYMOUS, DELTA_RIGHTS, type DeltaRight, type Tenant } from '../../keys/tenant';
import { callAs, type DeltaStoreClient, type StoreRpc } from '../delta-store-client';
import { retrying } from '../retrying';
import { storeError } from '../store-error';

/** Bytes come at any pace, and whoever falls silent is cut off sooner, milliseconds. */
const UPLOAD_TIMEOUT_MS = 6 * 3_600_000;

/** Where requests about deltas become calls of the store, for the tenant of their key and no other. */
export class DeltaDesk {
  constructor(
    private readonly store: DeltaStoreClient | null,
    private readonly gate: Pick<Gate, 'checkOperator'>,
  ) {}

  /** Looks at something; `param` is what the caller calls the name that it looks for. */
  read<T>(
    request: FastifyRequest,
    call: (rpc: StoreRpc, options: CallOptions) => Promise<T>,
    param?: string,
  ): Promise<T> {
    return this.ask(request, 'use', param, (store, visit, metadata) =>
      retrying((timeoutMs) => call(store.rpc, { metadata, signal: visit.signal, timeoutMs }), {
        timeoutMs: store.timeoutMs,
        signal: visit.signal,
        now: () => performance.now(),
      }),
    );
  }

  /** Changes something, once: what a lost connection has done is not done again. */
  change<T>(
    request: FastifyRequest,
    right: DeltaRight,
    call: (rpc: StoreRpc, options: CallOptions) => Promise<T>,
    param?: string,
  ): Promise<T> {
    return this.ask(request, right, param, ({ rpc, timeoutMs }, { signal }, metadata) =>
      call(rpc, { metadata, signal, timeoutMs }),
    );
  }

  /** The same with a body of any length. */
  upload<T>(request: FastifyRequest, call: (rpc: StoreRpc, options: CallOptions) => Promise<T>): Promise<T> {
    return this.ask(request, 'publish', undefined, ({ rpc }, { signal }, metadata) =>
      call(rpc, { metadata, signal, timeoutMs: UPLOAD_TIMEOUT_MS }),
    );
  }

  /** Follows something until it ends or the caller is gone. */
  async *follow<T>(
    request: FastifyRequest,
    call: (rpc: StoreRpc, options: CallOptions) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    const { store, visit, metadata } = this.enter(request, 'use');
    try {
      yield* call(store.rpc, { metadata, signal: visit.signal });
    } catch (error) {
      throw storeError(error);
    }
  }

  private async ask<T>(
    request: FastifyRequest,
    right: DeltaRight,
    param: string | undefined,
    call: (store: DeltaStoreClient, visit: Visit, metadata: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const { store, visit, metadata } = this.enter(request, right);
    try {
      return await call(store, visit, metadata);
    } catch (error) {
      throw storeError(error, param);
    }
  }

  private enter(request: FastifyRequest, right: DeltaRight) {
    const visit = visitOf(request);
    if (!visit) throw new GatewayError('internal', 'the request has no visit');
    const { tenant } = visit;
    checkRight(tenant, right);
    // Without keys, changes are for this machine alone.
    if (tenant === ANONYMOUS && right !== 'use')
      this.gate.checkOperator(headersOf(request), request.socket.remoteAddress);
    if (!this.store)
      throw new GatewayError('unsupported', 'this gateway has no delta-store (ZEN_DELTA_STORE)');
    const may: Grant['may'] = right === 'use' ? 'read' : 'write';
    return { store: this.store, visit, metadata: callAs(this.store, tenant.name, may, visit.carrier) };
  }
}

function checkRight({ deltas }: Tenant, right: DeltaRight): void {
  if (DELTA_RIGHTS.indexOf(deltas) >= DELTA_RIGHTS.indexOf(right)) return;
  throw new GatewayError(
    'forbidden',
    `this key has deltas=${deltas}, which does not allow this: it needs ${right}`,
  );
}
