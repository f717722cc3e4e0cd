import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { endpointSources } from '@zen/cluster';
import { serverTlsFiles } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { pause } from '@zen/pause';
import { DEFAULT_POLICY } from '@zen/placement';
import { openServerTls, RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import { appModule } from './app.module';
import type { ExpertRouterConfig } from './config';
import { ExpertRouterController } from './expert-router.controller';
import { Placer } from './placing/placer';
import { repeatTurns } from './placing/repeat-turns';
import { VersionClock } from './placing/version-clock';
import { WriterLease } from './placing/writer-lease';
import { PodFleet } from './pods/pod-fleet';
import { podConnector } from './pods/pod-link';
import { RouterMetrics } from './router-metrics';

export interface ExpertRouter {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, if any. */
  healthAddress: string | undefined;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  /** Says that it goes, settles, finishes running calls for up to the grace, then ends what is left. */
  stop(): Promise<void>;
}

/** Streams on one connection. */
const MAX_STREAMS = 1000;
/** A report of 1,024 layers of 4,096 experts has at most 20 MB. */
const MAX_MESSAGE_BYTES = 32 * 2 ** 20;
/** Pods of a rollout come within a moment; one that dies shall not be waited for long. */
const POD_SETTLE_MS = 300;

export async function startExpertRouter(config: ExpertRouterConfig, logger: Logger): Promise<ExpertRouter> {
  const tls = await openServerTls(serverTlsFiles(config), config.tlsClients, logger);
  const tracing = startTracing('expert-router', otlpExporter(config.otlpEndpoint));
  const metrics = new RouterMetrics();
  const now = () => performance.now();
  const stopping = new AbortController();
  const fleet: PodFleet = new PodFleet(
    endpointSources(config.pods, {
      onUnresolved: (name, reason) => logger.warn({ name, reason }, 'pod name does not resolve'),
      onTrouble: (service, reason) => logger.warn({ service, reason }, 'endpoints cannot be followed now'),
    }),
    {
      connect: podConnector(tls && { certificates: tls.certificates, serverName: config.tlsServerName }),
      random: Math.random,
      now,
      onChange: () => turns.soon(),
      onState: (pod, up, reason) =>
        up ? logger.info({ pod }, 'pod connected') : logger.warn({ pod, reason }, 'pod is down'),
    },
  );
  const versions = new VersionClock(Math.floor(Math.random() * 1024), Date.now);
  const placer = new Placer(fleet, versions, new WriterLease(config.leaseMs, Math.random), {
    policy: { ...DEFAULT_POLICY, copies: config.copies, gain: config.gainPercent / 100 },
    windowMs: config.windowMs,
    intervalMs: config.intervalMs,
    lostMs: config.lostMs,
    settleMs: POD_SETTLE_MS,
    now,
    wallClock: Date.now,
    onPlan: (plan) => {
      metrics.planned(plan);
      const { moves, changed, balance, plannedBalance, missing, reason } = plan;
      const level = moves > 0 || missing > 0 ? 'info' : 'debug';
      logger[level]({ moves, changed, balance, plannedBalance, missing, reason }, 'planned');
    },
    onPublish: (version) => logger.debug({ version: String(version) }, 'placement published'),
    onRefused: (pod, reason) => {
      metrics.assignmentRefused();
      logger.warn({ pod, reason }, 'assignment not taken');
    },
  });
  metrics.report(placer, () => fleet.pods().length, now);
  const turns = repeatTurns(() => placer.turn(), stopping.signal);
  const app = await NestFactory.createApplicationContext(
    appModule({ placer, settings: { reportMs: config.reportMs, now }, stopping: stopping.signal }),
    { logger: ['error', 'warn'] },
  );
  const server = await RpcServer.start([app.get(ExpertRouterController)], {
    listen: config.listen,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxConcurrentStreams: MAX_STREAMS,
    translate: () => undefined,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    onEnd: (method, code) => metrics.called(method, code),
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
          ready: () => fleet.acquainted && !stopping.signal.aborted,
        });
  fleet.start();
  server.setServing(true);

  async function stop(): Promise<void> {
    server.setServing(false);
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    stopping.abort();
    await server.stop(config.graceMs);
    await fleet.stop();
    tls?.certificates.close();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  const { address, healthAddress } = server;
  return { address, healthAddress, probeAddress: probes?.address, stop };
}
