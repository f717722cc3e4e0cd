import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { type ApiServer, holdLease, inCluster } from '@zen/cluster';
import { ConfigError } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { RpcServer } from '@zen/rpc';
import { type Logger, startProbes } from '@zen/telemetry';
import { appModule } from './app.module';
import type { OperatorConfig } from './config';
import { readBlueprint } from './desired/blueprint';
import { METRICS, RECONCILER, VIEW } from './tokens';

export interface Operator {
  /** `host:port` of gRPC health. */
  address: string;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  /** Gives the lease back; another operator goes on at once. */
  stop(): Promise<void>;
}

/** One lead per namespace, whatever the release is called: two would each make objects of the same name. */
const LEASE = 'zen-operator';
const MAX_MESSAGE_BYTES = 2 ** 16;

export async function startOperator(config: OperatorConfig, logger: Logger): Promise<Operator> {
  const server = apiServerOf(config);
  const blueprint = readBlueprint(readFileSync(config.blueprint, 'utf8'));
  const identity = `${hostname()}_${randomUUID().slice(0, 8)}`;
  const { namespace } = server;
  const app = await NestFactory.createApplicationContext(
    appModule({ server, namespace, identity, blueprint, relistMs: config.relistMs, logger }),
    { logger: ['error', 'warn'] },
  );
  const view = app.get(VIEW);
  const reconciler = app.get(RECONCILER);
  const metrics = app.get(METRICS);
  const rpc = await RpcServer.start([], {
    listen: config.listen,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxConcurrentStreams: 100,
    translate: () => undefined,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    descriptorSetPath,
  });
  const { probeListen } = config;
  const probes =
    probeListen === undefined
      ? undefined
      : await startProbes({
          listen: probeListen,
          registry: metrics.registry,
          ready: () => view.synced && !stopping.signal.aborted,
        });
  const stopping = new AbortController();
  const viewing = new AbortController();
  const watching = view.run(viewing.signal);
  const leading = holdLease(
    server,
    { namespace, name: LEASE },
    {
      identity,
      durationS: Math.ceil(config.leaseMs / 1000),
      renewMs: config.leaseMs / 5,
      now: () => performance.now(),
      random: Math.random,
      onTrouble: ({ message }) => logger.warn({ reason: message }, 'the lease cannot be asked for now'),
      lead: async (lost) => {
        metrics.led(true);
        logger.info({ identity }, 'leads');
        await reconciler.run(lost);
        metrics.led(false);
        logger.info({ identity }, 'leads no more');
      },
    },
    stopping.signal,
  );
  const checking = setInterval(() => rpc.setServing(view.synced && !stopping.signal.aborted), 200);

  async function stop(): Promise<void> {
    clearInterval(checking);
    rpc.setServing(false);
    stopping.abort();
    // The lease goes back when the writes that run have ended.
    await leading;
    viewing.abort();
    await watching;
    await rpc.stop(0);
    probes?.stop();
    await app.close();
  }
  return { address: rpc.address, probeAddress: probes?.address, stop };
}

function apiServerOf({ apiServer, namespace }: OperatorConfig): ApiServer {
  if (apiServer === undefined) {
    const server = inCluster(process.env);
    return { ...server, namespace: namespace ?? server.namespace };
  }
  if (namespace === undefined) throw new ConfigError('ZEN_NAMESPACE: needed where ZEN_API_SERVER is set');
  return { url: apiServer, token: () => undefined, authority: () => undefined, namespace };
}
