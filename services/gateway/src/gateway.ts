import { endpointSources } from '@zen/cluster';
import { ConfigError } from '@zen/config';
import { descriptorSetPath } from '@zen/contracts';
import { pause } from '@zen/pause';
import { DEFAULT_HYSTERESIS, RungPolicy } from '@zen/quality';
import { pick, type Routing } from '@zen/routing';
import { type ClientTls, RpcServer } from '@zen/rpc';
import { readServiceKey } from '@zen/service-token';
import { type Logger, otlpExporter, startTracing } from '@zen/telemetry';
import { FrontQueue } from './admission/front-queue';
import { roomIn } from './admission/group-room';
import { Answerer } from './answer/answerer';
import { Mover } from './answer/mover';
import { openModels } from './asleep/open-models';
import { Waker } from './asleep/waker';
import { type GatewayConfig, isLoopback, objectivesOf, waitsOf } from './config';
import { DeltaDesk } from './deltas/admin/delta-desk';
import { DeltaResolver } from './deltas/delta-resolver';
import { type DeltaStoreClient, openDeltaStore } from './deltas/delta-store-client';
import { Gate } from './door/gate';
import { Fleet } from './fleet/fleet';
import { openTls } from './fleet/open-tls';
import { thinkerConnector } from './fleet/thinker-client';
import { GatewayController } from './grpc/gateway.controller';
import { rpcError } from './grpc/rpc-status';
import { startHttp } from './http/http-server';
import { readKeys, watchKeys } from './keys/key-file';
import { KeyRing } from './keys/key-ring';
import { Limiter } from './keys/limiter';
import { openLimits } from './keys/open-limits';
import { GatewayMetrics } from './observe/gateway-metrics';
import { RungReport } from './observe/rung-report';
import { PAGE_FOLDER, PageFiles } from './page/page-files';
import { progressBody } from './progress/progress-body';
import { ProgressHub } from './progress/progress-hub';
import { ClientSecrets } from './realtime/client-secrets';
import { RealtimeDoor } from './realtime/realtime-door';
import { RealtimeMetrics } from './realtime/realtime-metrics';
import { ResumeTokens } from './resume/resume-tokens';
import type { ListenRules } from './speech/listen-anywhere';
import { openTalkers } from './speech/open-talkers';
import { SpeechDesk } from './speech/speech-desk';
import { SpeechMetrics } from './speech/speech-metrics';
import { Transcriber } from './speech/transcriber';
import { TranscriptionHandler } from './speech/transcription-handler';
import { UploadRoom } from './speech/upload-room';

/** A start that the configuration does not allow. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}

export interface Gateway {
  httpAddress: string;
  grpcAddress: string;
  /** Reads the key file again; also done by itself when the file changes. */
  reloadKeys(): Promise<void>;
  stop(): Promise<void>;
}

/** After the grace: time for the last words of answers that are cut short. */
const LAST_WORDS_MS = 1000;
/** Streams on one gRPC connection. */
const MAX_STREAMS = 10_000;
/** Four reports a second look smooth; one of a model with a replica has 2 KB. */
const PROGRESS = { everyMs: 250, repeatMs: 15_000, maxListeners: 64 };

/** Starts both doors. Time is the process's own monotonic clock. `routing`: benchmarks compare others with ours. */
export async function startGateway(
  config: GatewayConfig,
  logger: Logger,
  routing: Routing = pick,
): Promise<Gateway> {
  const now = () => performance.now();
  const keys = await openKeys(config);
  const tls = await openTls(config, logger);
  const tracing = startTracing('gateway', otlpExporter(config.otlpEndpoint));
  const { book, sources, others } = openModels(config.thinkers, logger, () => waker.look());
  const fleet = new Fleet({
    book,
    families: config.families,
    connect: thinkerConnector(tls),
    watchIntervalMs: config.watchIntervalMs,
    random: Math.random,
    sources: [
      ...endpointSources(others, {
        onUnresolved: (name, reason) => logger.warn({ name, reason }, 'thinker name does not resolve'),
        onTrouble: (service, reason) => logger.warn({ service, reason }, 'endpoints cannot be followed now'),
      }),
      ...sources,
    ],
    onRoom: () => {
      waker.look();
      queue.move();
    },
    onState: (replica, up, reason) =>
      up
        ? logger.info({ replica }, 'thinker connected')
        : logger.warn({ replica, reason }, 'thinker is down'),
  });
  const talkers = openTalkers(config, tls, logger, now);
  const metrics = new GatewayMetrics(fleet, config.tenantSeries);
  const waker: Waker = new Waker(book, fleet, {
    now,
    caps: { requests: config.maxWaiting, bytes: config.maxWaitingBytes },
    timeoutMs: config.requestTimeoutMs,
    onWoken: (model, tookMs) => {
      metrics.woke('woken', tookMs);
      logger.info({ model, tookMs: Math.round(tookMs) }, 'a model that had no thinker answers');
    },
    onLate: (model) => {
      metrics.woke('late');
      logger.warn({ model }, 'a model was not there in time');
    },
    onTrouble: (model, { message }) => logger.warn({ model, reason: message }, 'a model cannot be set now'),
  });
  const waitMs = waitsOf(config);
  const queue: FrontQueue = new FrontQueue({
    caps: { requests: config.maxWaiting, bytes: config.maxWaitingBytes },
    waitMs,
    now,
    room: (group) => roomIn(fleet, group, now()),
    onServed: (band, waitedMs) => metrics.waited(band, waitedMs),
    onRefused: (band, why) => metrics.turnedAway(band, why),
  });
  metrics.reportQueue(queue);
  const { dwellMs, maxQueueMs } = config;
  const policy = new RungPolicy({
    ...DEFAULT_HYSTERESIS,
    dwellMs,
    maxQueueMs,
    onChange: ({ group, priority, objective }, { from, to, why, pressureFrom, pressureTo }) => {
      metrics.rungChanged(group, why);
      logger.info({ group, priority, objective, from, to, why, pressureFrom, pressureTo }, 'level changed');
    },
  });
  const rungs = new RungReport(fleet, policy, now);
  metrics.reportRungs(rungs);
  const objectives = objectivesOf(config);
  const { requestTimeoutMs: timeoutMs, resumeKey: key } = config;
  const enabled = config.resume === 'on';
  const mover = new Mover(fleet, policy, {
    enabled,
    mostMoves: config.resumeMoves,
    mostWaitMs: config.resumeWaitMs,
    waitMs,
    pick: routing,
    timeoutMs,
    objectives,
    now,
    random: Math.random,
    onMove: ({ requestId }, move) => {
      metrics.moved(move);
      logger.warn({ requestId, ...move }, move.to ? 'answer goes on elsewhere' : 'answer cannot go on');
    },
  });
  const tokens = new ResumeTokens({ enabled, key, wallClock: Date.now });
  const answerer = new Answerer(fleet, policy, mover, tokens, {
    objectives,
    timeoutMs,
    keptTokens: enabled ? config.resumeTokens : 0,
    waitMs,
    ahead: (group, band) => queue.ahead(group, band),
    now,
    random: Math.random,
    pick: routing,
    onRetry: ({ requestId }, replica, error) => {
      metrics.retried();
      logger.warn({ requestId, replica, reason: error.message }, 'trying another thinker');
    },
  });
  const store = openStore(config, tls);
  const deltas = new DeltaResolver({
    store,
    resume: tokens,
    tracing,
    now,
    onResolved: (failure, tookMs) => metrics.resolved(failure, tookMs),
  });
  const limits = await openLimits(config, metrics, logger, now);
  const limiter = new Limiter(limits.book);
  const gate = new Gate(config, keys, {
    answerer,
    fleet,
    queue,
    limiter,
    deltas,
    waker,
    metrics,
    tracing,
    logger,
    now,
  });
  const { maxMessages, stallMs, maxDeltaBytes, maxBuildBytes } = config;
  const page = config.web === 'on' ? PageFiles.load(PAGE_FOLDER) : null;
  if (config.web === 'on' && !page)
    logger.warn({ folder: PAGE_FOLDER }, 'the web page is not built, so none is served');
  const progress = new ProgressHub(() => JSON.stringify(progressBody(fleet.models())), now, PROGRESS);
  const speechMetrics = new SpeechMetrics(metrics.registry, talkers, now);
  const desk = new SpeechDesk(talkers, {
    now,
    mostMoves: config.resumeMoves,
    mostWaitMs: config.resumeWaitMs,
  });
  const listening: ListenRules = {
    mostMoves: config.resumeMoves,
    mostWaitMs: config.resumeWaitMs,
    keptBytes: config.realtimeHeardBytes,
    onMove: (requestId, move) => {
      speechMetrics.listenMoved(move.to ? 'moved' : 'lost');
      const what = move.to ? 'listening goes on elsewhere' : 'listening cannot go on';
      logger.warn({ requestId, ...move }, what);
    },
  };
  const secrets = new ClientSecrets(key, Date.now);
  const realtime: RealtimeDoor = new RealtimeDoor(config, keys, secrets, () => pipeline, Date.now);
  const pipeline = {
    gate,
    fleet,
    answerer,
    deltas,
    talkers,
    metrics: new RealtimeMetrics(metrics.registry, () => realtime.count),
    logger,
    now,
    desk,
    listening,
  };
  fleet.start();
  talkers.start();
  const parts = {
    fleet,
    speech: desk,
    speechMetrics,
    transcription: new TranscriptionHandler(
      new Transcriber(talkers, { ...listening, nowMs: now }),
      new UploadRoom(config.maxUploadsBytes),
      speechMetrics,
      { maxFileBytes: config.maxAudioBytes, stallMs },
    ),
    corsOrigins: config.corsOrigins,
    gate,
    metrics,
    page,
    progress,
    rungs,
    queue,
    deltas: new DeltaDesk(store, gate),
    deltaLimits: { maxDeltaBytes, maxBuildBytes, stallMs, metrics },
    secrets,
    maxMessages,
    stallMs,
  };
  const http = await startHttp(config, parts, (server) => realtime.listenOn(server));
  const grpc = await RpcServer.start([new GatewayController(gate, fleet, maxMessages)], {
    listen: config.grpcListen,
    maxMessageBytes: config.maxBodyBytes,
    maxConcurrentStreams: MAX_STREAMS,
    maxConnectionAgeMs: config.connectionAgeMs,
    translate: rpcError,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    descriptorSetPath,
  });
  void fleet.acquainted.then(() => {
    if (!gate.leaving) grpc.setServing(true);
  });
  const reloadKeys = async () => {
    if (config.apiKeys === undefined) return;
    try {
      keys.replace(await readKeys(config.apiKeys));
      logger.info({ entries: keys.size }, 'API keys read');
    } catch (error) {
      // The keys in use stay: a slip in the file must not lock everybody out, or let anybody in.
      logger.error({ reason: (error as Error).message }, 'API keys not read, the old ones stay');
    }
  };
  const watcher =
    config.apiKeys === undefined ? undefined : await watchKeys(config.apiKeys, () => void reloadKeys());

  async function stop(): Promise<void> {
    gate.drain();
    grpc.setServing(false);
    // Callers turn elsewhere meanwhile, and those that have not heard of it yet are answered.
    await pause(config.settleMs);
    gate.close();
    realtime.leave();
    progress.close();
    watcher?.close();
    // Both doors stay open for as long as somebody is inside: whoever still comes is told to go elsewhere.
    const grpcClosed = grpc.stop(config.graceMs + LAST_WORDS_MS);
    await gate.empty(config.graceMs);
    // What an answer that is cut short leaves free is for nobody.
    queue.close();
    waker.close();
    realtime.expel();
    gate.expel();
    await gate.empty(LAST_WORDS_MS);
    realtime.cut();
    const httpClosed = http.close();
    http.cut();
    await Promise.all([httpClosed, grpcClosed]);
    await fleet.stop();
    await talkers.stop();
    store?.rpc.close();
    await limits.close();
    tls?.certificates.close();
    await tracing.stop();
  }
  return { httpAddress: http.address, grpcAddress: grpc.address, reloadKeys, stop };
}

/** Null where none is set. */
function openStore(
  { deltaStore, serviceKey, deltaTimeoutMs }: GatewayConfig,
  tls: ClientTls | undefined,
): DeltaStoreClient | null {
  if (deltaStore === undefined) return null;
  if (serviceKey === undefined) throw new ConfigError('ZEN_SERVICE_KEY: needed where ZEN_DELTA_STORE is set');
  // The name in the thinkers' certificates is not the store's.
  const own = tls && { certificates: tls.certificates };
  return openDeltaStore(deltaStore, readServiceKey(serviceKey), deltaTimeoutMs, own);
}

async function openKeys(config: GatewayConfig): Promise<KeyRing> {
  if (config.apiKeys !== undefined) {
    const entries = await readKeys(config.apiKeys);
    if (entries.length === 0) throw new StartRefused('ZEN_API_KEYS holds no key, so nobody could call');
    return new KeyRing(entries, true);
  }
  for (const [name, address] of [
    ['ZEN_LISTEN', config.listen],
    ['ZEN_GRPC_LISTEN', config.grpcListen],
  ] as const) {
    if (isLoopback(address) || config.allowAnonymous) continue;
    throw new StartRefused(
      `${name} is ${address}, which other machines can reach: set ZEN_API_KEYS, or ZEN_ALLOW_ANONYMOUS=true`,
    );
  }
  return new KeyRing([], false);
}
