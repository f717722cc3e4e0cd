import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { serverTlsFiles } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { pause } from '@zen/pause';
import { openServerTls, RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import { appModule } from './app.module';
import type { TalkerConfig } from './config';
import { Desk } from './desk';
import { Ears } from './listening/ears';
import { Hearer } from './listening/hearer';
import { ListenMetrics } from './listening/listen-metrics';
import type { OpenEars } from './listening/open-ears';
import { TranscriberController } from './listening/transcriber.controller';
import { rpcStatus } from './request/rpc-status';
import { Places } from './speaking/places';
import { Speaker } from './speaking/speaker';
import { type EngineSource, Voices } from './speaking/voices';
import { TalkerController } from './talker.controller';
import { TalkerMetrics } from './talker-metrics';

export interface Talker {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, if any. */
  healthAddress: string | undefined;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  voices: Voices;
  /** Says that it goes, settles, finishes what is being said for up to the grace, then ends what is left. */
  stop(): Promise<void>;
}

/** Which engine has which voice. Throws a ConfigError for a voice that nobody has. */
export type OpenEngines = (config: TalkerConfig, logger: Logger) => EngineSource[];

/** Streams on one connection. */
const MAX_STREAMS = 10_000;
/** Hidden rows of an omni voice's prompt take 4 bytes for each number; everything else is small. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

const nowUs = () => performance.now() * 1000;

/** Listens at once; a voice can be asked for as soon as it is here. */
export async function startTalker(
  config: TalkerConfig,
  open: OpenEngines,
  logger: Logger,
  openEars: OpenEars = () => null,
): Promise<Talker> {
  const tls = await openServerTls(serverTlsFiles(config), config.tlsClients, logger);
  const tracing = startTracing('talker', otlpExporter(config.otlpEndpoint));
  const stopping = new AbortController();
  const defaultVoice = config.voice ?? (config.voices[0] as string);
  const voices = new Voices(open(config, logger), defaultVoice, {
    opened: (infos, elapsedMs) => {
      const names = infos.map(({ name }) => name);
      logger.info({ voices: names, elapsedMs: Math.round(elapsedMs) }, 'voices here');
      server.setServing(ready());
    },
    failed: (names, err) => logger.warn({ voices: names, err }, 'no voices yet, trying again'),
  });
  const ears = new Ears(openEars(config, logger), config.maxListening, {
    opened: (name, elapsedMs) => {
      logger.info({ name, elapsedMs: Math.round(elapsedMs) }, 'ears here');
      server.setServing(ready());
    },
    failed: (err) => logger.warn({ err }, 'no ears yet, trying again'),
  });
  const ready = () => voices.ready && ears.ready;
  const places = new Places(config, () => performance.now());
  const metrics = new TalkerMetrics(places, nowUs);
  const speaker = new Speaker({ voices, places, metrics, logger, nowUs }, config);
  const listenMetrics = new ListenMetrics(metrics.registry, ears);
  const hearer = new Hearer({ ears, metrics: listenMetrics, logger, stopping: stopping.signal }, config);
  const desk = new Desk(config, voices, places, metrics, ears);
  const app = await NestFactory.createApplicationContext(
    appModule({ speaker, hearer, desk, stopping: stopping.signal }),
    { logger: ['error', 'warn'] },
  );
  const server: RpcServer = await RpcServer.start(
    [app.get(TalkerController), app.get(TranscriberController)],
    {
      listen: config.listen,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxConcurrentStreams: MAX_STREAMS,
      translate: rpcStatus,
      onError: (err, method) => logger.error({ err, method }, 'call failed'),
      onEnd: (method, code) => metrics.rpc(method, code),
      descriptorSetPath,
      tls,
      healthListen: config.healthListen,
    },
  );
  const probes =
    config.probeListen === undefined
      ? undefined
      : await startProbes({
          listen: config.probeListen,
          registry: metrics.registry,
          ready,
        });
  const opening = Promise.all([voices.open(stopping.signal), ears.open(stopping.signal)]);

  async function stop(): Promise<void> {
    desk.drain();
    server.setServing(false);
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    stopping.abort();
    places.close();
    await server.stop(config.graceMs);
    tls?.certificates.close();
    await opening;
    await voices.close();
    await ears.close();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  const { address, healthAddress } = server;
  return { address, healthAddress, probeAddress: probes?.address, voices, stop };
}
