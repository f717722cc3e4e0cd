import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serverTlsFiles } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { pause } from '@zen/pause';
import { openServerTls, RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import { appModule } from './app.module';
import { openBuilds } from './builds/open-builds';
import type { DeltaStoreConfig } from './config';
import { type DeltaService, deltaService } from './delta-service';
import { DeltaStoreController } from './delta-store.controller';
import { DeltaStoreMetrics } from './delta-store-metrics';
import { collectRegularly } from './garbage/collect-regularly';
import { openKeys } from './open-keys';
import { openStorage } from './open-storage';
import { Authorizer } from './request/authorize';
import { rpcStatus } from './request/rpc-status';

export interface DeltaStore {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, if any. */
  healthAddress: string | undefined;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  service: DeltaService;
  /** Says that it goes, settles, finishes running calls for up to the grace, then ends what is left. */
  stop(): Promise<void>;
}

/** Streams on one connection. */
const MAX_STREAMS = 10_000;
/** A lease of 100,000 deltas has about 16 MB; a chunk has 1 MiB. */
const MAX_MESSAGE_BYTES = 32 * 2 ** 20;

export async function startDeltaStore(config: DeltaStoreConfig, logger: Logger): Promise<DeltaStore> {
  const { masterKey, tokens } = openKeys(config, logger);
  const tls = await openServerTls(serverTlsFiles(config), config.tlsClients, logger);
  const tracing = startTracing('delta-store', otlpExporter(config.otlpEndpoint));
  const metrics = new DeltaStoreMetrics();
  const limits = {
    bytes: config.quotaBytes,
    versions: config.quotaVersions,
    publishesPerMinute: config.quotaPublishes,
  };
  const objects = await openStorage(config.storage, process.env, Date.now());
  const service = deltaService({
    objects,
    masterKey,
    limits,
    graceMs: config.graceMs,
    leaseMs: config.leaseMs,
    nowMs: Date.now,
  });
  const stopping = new AbortController();
  const builds = openBuilds(service, config, logger);
  const collecting = collectRegularly(service, config.collectMs, stopping.signal, logger);
  const app = await NestFactory.createApplicationContext(
    appModule({ service, authorizer: new Authorizer(tokens), metrics, builds, stopping: stopping.signal }),
    { logger: ['error', 'warn'] },
  );
  const server = await RpcServer.start([app.get(DeltaStoreController)], {
    listen: config.listen,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxConcurrentStreams: MAX_STREAMS,
    translate: (error) => {
      const status = rpcStatus(error);
      if (status?.code === 'DATA_LOSS') {
        metrics.verificationFailed();
        logger.error({ reason: status.message }, 'stored bytes are bad');
      }
      return status;
    },
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    onEnd: (method, code) => metrics.called(method, code),
    descriptorSetPath,
    tls,
    healthListen: config.healthListen,
    maxConnectionAgeMs: config.connectionAgeMs,
  });
  const probes =
    config.probeListen === undefined
      ? undefined
      : await startProbes({
          listen: config.probeListen,
          registry: metrics.registry,
          ready: () => !stopping.signal.aborted,
        });
  server.setServing(true);

  async function stop(): Promise<void> {
    server.setServing(false);
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    stopping.abort();
    await server.stop(config.stopGraceMs);
    await builds?.close();
    await collecting;
    tls?.certificates.close();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  const { address, healthAddress } = server;
  return { address, healthAddress, probeAddress: probes?.address, service, stop };
}
