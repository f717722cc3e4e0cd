import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serverTlsFiles } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { pause } from '@zen/pause';
import { openServerTls, RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import { appModule } from './app.module';
import type { ExpertConfig } from './config';
import { ExpertController } from './expert.controller';
import { ExpertMetrics } from './expert-metrics';
import type { OpenExperts } from './holding/open-experts';
import { Pod } from './pod';
import { rpcStatus } from './request/rpc-status';

export interface ExpertServer {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, if any. */
  healthAddress: string | undefined;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  pod: Pod;
  /** Rejects where it can never hold anything; resolves at the stop. */
  done: Promise<void>;
  /** Says that it goes, settles, finishes running calls for up to the grace, then ends what is left. */
  stop(): Promise<void>;
}

/** Streams on one connection; a caller needs one. */
const MAX_STREAMS = 1000;

export async function startExpert(
  config: ExpertConfig,
  open: OpenExperts,
  logger: Logger,
): Promise<ExpertServer> {
  const tls = await openServerTls(serverTlsFiles(config), config.tlsClients, logger);
  const tracing = startTracing('expert', otlpExporter(config.otlpEndpoint));
  const stopping = new AbortController();
  const pod = new Pod(config, open, {
    opened: ({ ladder, kernels }) => {
      const { name } = ladder.config;
      logger.info({ model: name, kernels, artifactDigest: ladder.digest }, 'model known');
      // Whoever finds pods by their readiness can tell it now what to hold.
      server.setServing(pod.ready);
    },
    assigned: (version, experts) => logger.info({ version: String(version), experts }, 'assigned'),
    held: (layer, experts, stage) => logger.debug({ layer, experts, stage }, 'held'),
    rotten: (stage, chunk, experts) =>
      logger.error({ stage, chunk, experts }, 'experts let go: their bytes on the disk are bad'),
    failed: (what, err) => logger.warn({ what, err }, 'trying again'),
    call: (...call) => metrics.call(...call),
    callFailed: (reason) => logger.error({ reason }, 'call failed'),
  });
  const metrics = new ExpertMetrics(pod);
  const app = await NestFactory.createApplicationContext(appModule({ pod, stopping: stopping.signal }), {
    logger: ['error', 'warn'],
  });
  const server: RpcServer = await RpcServer.start([app.get(ExpertController)], {
    listen: config.listen,
    maxMessageBytes: config.messageBytes,
    maxConcurrentStreams: MAX_STREAMS,
    translate: rpcStatus,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    onEnd: (method, code) => metrics.rpc(method, code),
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
          ready: () => pod.ready,
        });
  const done = pod.run(stopping.signal);
  // Whoever waits for it hears of it; nobody need.
  done.catch(() => undefined);

  async function stop(): Promise<void> {
    pod.drain();
    server.setServing(false);
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    pod.close();
    stopping.abort();
    await server.stop(config.graceMs);
    tls?.certificates.close();
    await done.catch(() => undefined);
    await pod.release();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  const { address, healthAddress } = server;
  return { address, healthAddress, probeAddress: probes?.address, pod, done, stop };
}
