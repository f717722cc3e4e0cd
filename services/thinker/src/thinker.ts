import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serverTlsFiles } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { cacheHome } from '@zen/disk';
import { pause } from '@zen/pause';
import { openServerTls, RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import { appModule } from './app.module';
import type { ThinkerConfig } from './config';
import { openDeltas } from './deltas/open-deltas';
import { openExperts } from './experts/open-experts';
import { logProgress } from './log-progress';
import { rpcStatus } from './request/rpc-status';
import { type OpenModel, Replica, type ReplicaEvents } from './serving/replica';
import { ThinkerController } from './thinker.controller';
import { ThinkerMetrics } from './thinker-metrics';

export interface Thinker {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, if any. */
  healthAddress: string | undefined;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  replica: Replica;
  /** Settles when it answers from the best stage that there is for now; rejects if it can never answer. */
  climbed: Promise<void>;
  /** Says that it goes, settles, finishes running answers for up to the grace, then ends what is left. */
  stop(): Promise<void>;
}

/** Streams on one connection. */
const MAX_STREAMS = 10_000;

/**
 * Serves a model: listens at once, answers from the model's first servable stage on, and climbs while it answers.
 */
export async function startThinker(
  config: ThinkerConfig,
  open: OpenModel,
  logger: Logger,
  /** Says where the node's cache is. */
  env: NodeJS.ProcessEnv = process.env,
): Promise<Thinker> {
  const tls = await openServerTls(serverTlsFiles(config), config.tlsClients, logger);
  const tracing = startTracing('thinker', otlpExporter(config.otlpEndpoint));
  const stopping = new AbortController();
  const events: ReplicaEvents = {
    step: (plan, outputs, elapsedUs) => metrics.step(plan, outputs, elapsedUs),
    stepFailed: (err) => {
      metrics.stepFailed();
      logger.error({ err }, 'step failed');
    },
    opened: ({ model, source }) => {
      const { name, kernels, artifactDigest } = model;
      logger.info({ model: name, kernels, artifactDigest }, 'model known');
      logProgress(source, logger, stopping.signal);
    },
    moved: () => server.setServing(replica.ready),
    attached: (stage, elapsedMs) =>
      logger.info({ stage, elapsedMs: Math.round(elapsedMs) }, 'stage attached'),
    dropped: (stage) => {
      metrics.dropped(stage);
      const top = replica.serving?.climb.top;
      logger.error({ stage, top }, 'stage dropped: its bytes on the disk are bad');
    },
    failed: (what, err, again) => logger[again ? 'warn' : 'error']({ what, again, err }, 'climbing failed'),
  };
  const callTls = tls && config.tlsCa !== undefined ? { certificates: tls.certificates } : undefined;
  const deltas = openDeltas(config, {
    home: cacheHome(env),
    tls: callTls,
    logger,
    metrics: () => metrics.deltas,
  });
  const experts = openExperts(config, { tls: callTls, logger, metrics: () => metrics.experts });
  const replica = new Replica(config, open, events, deltas, experts);
  const metrics = new ThinkerMetrics(replica);
  const app = await NestFactory.createApplicationContext(
    appModule({ config, replica, observers: { metrics, tracing, logger }, stopping: stopping.signal }),
    { logger: ['error', 'warn'] },
  );
  const server: RpcServer = await RpcServer.start([app.get(ThinkerController)], {
    listen: config.listen,
    maxMessageBytes: config.messageBytes,
    maxConcurrentStreams: MAX_STREAMS,
    translate: rpcStatus,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    descriptorSetPath,
    tls,
    healthListen: config.healthListen,
  });
  const probes =
    config.probeListen === undefined
      ? undefined
      : await startProbes({
          listen: config.probeListen,
          registry: metrics.registry,
          ready: () => replica.ready,
        });
  let running: Promise<void> = Promise.resolve();
  const climbed = new Promise<void>((resolve, reject) => {
    running = replica.run(stopping.signal, resolve).then(resolve, reject);
  });

  async function stop(): Promise<void> {
    replica.drain();
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    stopping.abort();
    await server.stop(config.graceMs);
    tls?.certificates.close();
    await running;
    await replica.close();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  const { address, healthAddress } = server;
  return { address, healthAddress, probeAddress: probes?.address, replica, climbed, stop };
}
