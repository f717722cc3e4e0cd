import { Inject, Injectable } from '@nestjs/common';
import {
  type Alias,
  type AliasHistoryRequest,
  type AliasHistoryResponse,
  type Build,
  type CollectGarbageRequest,
  type CollectGarbageResponse,
  type DeleteAliasRequest,
  type DeleteDeltaRequest,
  type DeleteDeltaResponse,
  DeltaStoreServiceDefinition,
  type EraseRequest,
  type EraseResponse,
  type FetchRequest,
  type FetchResponse,
  type GetBuildRequest,
  type LeaseRequest,
  type LeaseResponse,
  type ListAliasesRequest,
  type ListAliasesResponse,
  type ListBuildsRequest,
  type ListBuildsResponse,
  type ListDeltasRequest,
  type ListDeltasResponse,
  type PublishRequest,
  type PublishResponse,
  type QuotaRequest,
  type QuotaResponse,
  type ResolveRequest,
  type ResolveResponse,
  type SetAliasRequest,
  type StartBuildRequest,
} from '@zen/contracts';
import { isDigest } from '@zen/deltas';
import { type CallContext, Rpc } from '@zen/rpc';
import type { AliasState } from './aliases/aliases';
import { type BuildRecord, toBuild } from './builds/build-record';
import type { OpenedBuilds } from './builds/open-builds';
import type { DeltaService } from './delta-service';
import type { DeltaStoreMetrics } from './delta-store-metrics';
import { toDelta } from './deltas/delta-record';
import { fetchDelta } from './deltas/fetch-delta';
import { checkLease } from './leases/leases';
import { revokedOf } from './leases/revoked';
import { type Authorizer, digestOrNull } from './request/authorize';
import { generationToken, pageSize } from './request/page';
import { invalid, StoreError } from './store-error';
import { eraseTenant } from './tenant/erase-tenant';
import type { TenantSpace } from './tenant/tenants';
import { AUTHORIZER, BUILDS, METRICS, SERVICE, STOPPING } from './tokens';

@Injectable()
export class DeltaStoreController {
  constructor(
    @Inject(SERVICE) private readonly service: DeltaService,
    @Inject(AUTHORIZER) private readonly authorizer: Authorizer,
    @Inject(METRICS) private readonly metrics: DeltaStoreMetrics,
    /** Null where this store has no workers. */
    @Inject(BUILDS) private readonly builds: OpenedBuilds | null,
    /** Aborted at shutdown: ends watches, which would go on as long as a build. */
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Rpc(DeltaStoreServiceDefinition, 'publish')
  async publish(messages: AsyncIterable<PublishRequest>, context: CallContext): Promise<PublishResponse> {
    const tenant = this.authorizer.tenant(context, 'write', null);
    const space = await this.service.tenants.findOrMake(tenant);
    const { record, existed } = await this.service.publisher.publish(space, this.counted(messages));
    return { delta: toDelta(record), existed };
  }

  @Rpc(DeltaStoreServiceDefinition, 'fetch')
  async *fetch(request: FetchRequest, context: CallContext): AsyncGenerator<FetchResponse> {
    const tenant = this.authorizer.tenant(context, 'read', request.digest);
    const find = () => this.service.tenants.find(tenant);
    for await (const message of fetchDelta(this.service, find, request)) {
      this.metrics.bytes('out', message.chunk.length);
      yield message;
    }
  }

  @Rpc(DeltaStoreServiceDefinition, 'resolve')
  async resolve({ name }: ResolveRequest, context: CallContext): Promise<ResolveResponse> {
    const tenant = this.authorizer.tenant(context, 'read', digestOrNull(name));
    const { tenants, catalog, aliases } = this.service;
    const space = await tenants.find(tenant);
    const alias = isDigest(name) ? { digest: name, generation: 0 } : await aliases.require(space, name);
    const record = await catalog.require(space, alias.digest);
    return { delta: toDelta(record), generation: BigInt(alias.generation) };
  }

  @Rpc(DeltaStoreServiceDefinition, 'setAlias')
  async setAlias(request: SetAliasRequest, context: CallContext): Promise<Alias> {
    const tenant = this.authorizer.tenant(context, 'write', request.digest);
    const { tenants, aliases } = this.service;
    const { name, digest, expectedGeneration } = request;
    return toAlias(await aliases.set(await tenants.find(tenant), name, digest, Number(expectedGeneration)));
  }

  @Rpc(DeltaStoreServiceDefinition, 'deleteAlias')
  async deleteAlias(request: DeleteAliasRequest, context: CallContext): Promise<Alias> {
    const tenant = this.authorizer.tenant(context, 'write', null);
    const space = await this.service.tenants.find(tenant);
    const { name, expectedGeneration } = request;
    return toAlias(await this.service.aliases.delete(space, name, Number(expectedGeneration)));
  }

  @Rpc(DeltaStoreServiceDefinition, 'aliasHistory')
  async aliasHistory(request: AliasHistoryRequest, context: CallContext): Promise<AliasHistoryResponse> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const space = await this.service.tenants.find(tenant);
    const limit = pageSize(request.pageSize);
    const below = generationToken(request.pageToken);
    const states = await this.service.aliases.history(space, request.name, below, limit);
    const last = states.at(-1)?.generation ?? 1;
    const nextPageToken = states.length < limit || last === 1 ? '' : String(last);
    return { generations: states.map(toAlias), nextPageToken };
  }

  @Rpc(DeltaStoreServiceDefinition, 'listAliases')
  async listAliases(request: ListAliasesRequest, context: CallContext): Promise<ListAliasesResponse> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const limit = pageSize(request.pageSize);
    const space = await this.service.tenants.find(tenant);
    if (!space) return { aliases: [], nextPageToken: '' };
    const page = await this.service.aliases.list(space, request.prefix, request.pageToken, limit);
    return { aliases: page.items.map(toAlias), nextPageToken: page.next };
  }

  @Rpc(DeltaStoreServiceDefinition, 'list')
  async list(request: ListDeltasRequest, context: CallContext): Promise<ListDeltasResponse> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const limit = pageSize(request.pageSize);
    const space = await this.service.tenants.find(tenant);
    if (!space) return { deltas: [], nextPageToken: '' };
    const page = await this.service.catalog.list(space, request.pageToken, limit);
    return { deltas: page.items.map(toDelta), nextPageToken: page.next };
  }

  @Rpc(DeltaStoreServiceDefinition, 'quota')
  async quota(_: QuotaRequest, context: CallContext): Promise<QuotaResponse> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const { tenants, ledger } = this.service;
    const space = await tenants.find(tenant);
    const { bytes, versions } = space ? await ledger.read(space) : { bytes: 0, versions: 0 };
    return {
      bytesUsed: BigInt(bytes),
      bytesLimit: BigInt(ledger.limits.bytes),
      versionsUsed: BigInt(versions),
      versionsLimit: BigInt(ledger.limits.versions),
      publishesPerMinuteLimit: ledger.limits.publishesPerMinute,
    };
  }

  @Rpc(DeltaStoreServiceDefinition, 'delete')
  async delete({ digest }: DeleteDeltaRequest, context: CallContext): Promise<DeleteDeltaResponse> {
    const tenant = this.authorizer.tenant(context, 'write', digest);
    const { tenants, catalog, remover } = this.service;
    const space = await tenants.find(tenant);
    await catalog.require(space, digest);
    await remover.delete(space!, digest);
    return {};
  }

  @Rpc(DeltaStoreServiceDefinition, 'erase')
  async erase({ confirmTenant }: EraseRequest, context: CallContext): Promise<EraseResponse> {
    const tenant = this.authorizer.tenant(context, 'write', null);
    if (confirmTenant !== tenant) throw invalid('confirm_tenant', 'is not the name of the tenant');
    const { deltas, bytes, keyFingerprint } = await eraseTenant(this.service, tenant);
    const goneMs = this.service.nowMs() + this.service.leases.leaseMs;
    return {
      deltas: BigInt(deltas),
      bytes: BigInt(bytes),
      keyFingerprint,
      goneEverywhereUnixMs: BigInt(goneMs),
    };
  }

  @Rpc(DeltaStoreServiceDefinition, 'lease')
  async lease({ holder, held }: LeaseRequest, context: CallContext): Promise<LeaseResponse> {
    this.authorizer.operator(context);
    checkLease(holder, held);
    const { leases } = this.service;
    // Written before it is looked who is going: a collector marks first and then reads leases.
    await leases.renew(holder, held);
    return { revoked: await revokedOf(this.service, held), leaseMs: leases.leaseMs };
  }

  @Rpc(DeltaStoreServiceDefinition, 'collectGarbage')
  async collectGarbage(
    { dryRun }: CollectGarbageRequest,
    context: CallContext,
  ): Promise<CollectGarbageResponse> {
    this.authorizer.operator(context);
    const { removed, bytes } = await this.service.collector.collect(dryRun);
    return { removed, bytes: BigInt(bytes), dryRun };
  }

  @Rpc(DeltaStoreServiceDefinition, 'startBuild')
  async startBuild(messages: AsyncIterable<StartBuildRequest>, context: CallContext): Promise<Build> {
    const tenant = this.authorizer.tenant(context, 'write', null);
    const { builds } = this.requireBuilds();
    const space = await this.service.tenants.findOrMake(tenant);
    return this.shown(space, await builds.start(space, messages));
  }

  @Rpc(DeltaStoreServiceDefinition, 'getBuild')
  async getBuild({ id }: GetBuildRequest, context: CallContext): Promise<Build> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const { records } = this.requireBuilds();
    const space = await this.service.tenants.find(tenant);
    return this.shown(space!, await records.require(space, id));
  }

  @Rpc(DeltaStoreServiceDefinition, 'watchBuild')
  async *watchBuild({ id }: GetBuildRequest, context: CallContext): AsyncGenerator<Build> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const { builds } = this.requireBuilds();
    const signal = AbortSignal.any([context.signal, this.stopping]);
    for await (const record of builds.watch(tenant, id, signal)) {
      yield this.shown(await this.service.tenants.find(tenant), record);
    }
  }

  @Rpc(DeltaStoreServiceDefinition, 'cancelBuild')
  async cancelBuild({ id }: GetBuildRequest, context: CallContext): Promise<Build> {
    const tenant = this.authorizer.tenant(context, 'write', null);
    const { builds } = this.requireBuilds();
    const space = await this.service.tenants.find(tenant);
    return this.shown(space, await builds.cancel(space, id));
  }

  @Rpc(DeltaStoreServiceDefinition, 'listBuilds')
  async listBuilds(request: ListBuildsRequest, context: CallContext): Promise<ListBuildsResponse> {
    const tenant = this.authorizer.tenant(context, 'read', null);
    const { builds } = this.requireBuilds();
    const limit = pageSize(request.pageSize);
    const space = await this.service.tenants.find(tenant);
    if (!space) return { builds: [], nextPageToken: '' };
    const page = await builds.list(space, request.pageToken, limit);
    const shown = await Promise.all(page.items.map((record) => this.shown(space, record)));
    return { builds: shown, nextPageToken: page.next };
  }

  private requireBuilds(): OpenedBuilds {
    if (this.builds) return this.builds;
    throw new StoreError('unsupported', 'this delta-store knows no base to build for (ZEN_DELTA_BASES)');
  }

  /** A build with its delta, while that is there. */
  private async shown(space: TenantSpace | null, record: BuildRecord): Promise<Build> {
    const found = space && record.digest ? await this.service.catalog.find(space, record.digest) : null;
    return toBuild(record, found ? toDelta(found) : undefined);
  }

  private async *counted(messages: AsyncIterable<PublishRequest>): AsyncGenerator<Uint8Array> {
    for await (const { chunk } of messages) {
      this.metrics.bytes('in', chunk.length);
      yield chunk;
    }
  }
}

function toAlias({ name, digest, generation, changedMs }: AliasState): Alias {
  return { name, digest, generation: BigInt(generation), changedUnixMs: BigInt(changedMs) };
}
