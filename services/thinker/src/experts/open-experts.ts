import { ConfigError } from '@zen/config';
import { ExpertRouterServiceDefinition, ExpertServiceDefinition } from '@zen/contracts';
import { type ClientTls, client } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { ThinkerConfig } from '../config';
import type { ServedModel } from '../serving/served-model';
import { CapsPolicy } from './caps-policy';
import { Dispatcher } from './dispatcher';
import { ExpertCounts } from './expert-counts';
import type { ExpertEngine } from './expert-engine';
import { ExpertFleet } from './expert-fleet';
import type { ExpertMetrics } from './expert-metrics';
import { Hedging } from './hedging';
import { LoadReports } from './load-reports';
import { watchPlacement } from './placement-watch';
import { PodLink } from './pod-link';
import { type RemoteSide, ServedExperts } from './served-experts';

/** The experts of a model, once that is known. */
export type OpenExperts = (model: ServedModel, engine: ExpertEngine) => ServedExperts;

interface Around {
  /** How router and pods are called. */
  tls: ClientTls | undefined;
  logger: Logger;
  metrics(): ExpertMetrics;
}

/** Answers of a prompt's chunk: pairs of a step times the width of the model. */
const LARGEST_ANSWER = 2 ** 30;
/** A pod that is cut off without a word is noticed within the sum of these while nothing is asked of it. */
const KEEP_ALIVE_MS = 5000;
const KEEP_ALIVE_TIMEOUT_MS = 5000;

export function openExperts(config: ThinkerConfig, around: Around): OpenExperts {
  return (model, engine) => {
    const counts = new ExpertCounts((seconds) => around.metrics().answered(seconds));
    const { expertRouter } = config;
    const { layers, experts } = engine.shape;
    const caps =
      config.expertCaps === undefined
        ? null
        : new CapsPolicy(engine.costs, layers * experts, config.expertCaps);
    if (expertRouter === undefined) return new ServedExperts(engine, counts, null, caps);
    const served: ServedExperts = new ServedExperts(
      engine,
      counts,
      openRemote(expertRouter, config, model, engine, counts, around, () => served.changed()),
      caps,
    );
    return served;
  };
}

function openRemote(
  routerAddress: string,
  config: ThinkerConfig,
  { artifactDigest, hiddenSize }: ServedModel,
  engine: ExpertEngine,
  counts: ExpertCounts,
  { tls, logger }: Around,
  changed: () => void,
): RemoteSide {
  const { shape, resident } = engine;
  if (!resident) throw new ConfigError('ZEN_EXPERT_ROUTER: the engine was opened with all experts');
  const nowMs = () => performance.now();
  const { random } = Math;
  const silenceMs = config.expertTimeoutMs;
  const podTls = tls && { ...tls, serverName: config.expertServerName };
  const routerTls = tls && { ...tls, serverName: config.expertRouterServerName };
  const router = client(ExpertRouterServiceDefinition, routerAddress, { tls: routerTls });
  const connect = (address: string) =>
    client(ExpertServiceDefinition, address, {
      tls: podTls,
      maxMessageBytes: LARGEST_ANSWER,
      keepAliveMs: KEEP_ALIVE_MS,
      keepAliveTimeoutMs: KEEP_ALIVE_TIMEOUT_MS,
      // A call that is made twice unseen would be timed as one.
      channel: { 'grpc.enable_retries': 0, 'grpc-node.flow_control_window': 8 * 2 ** 20 },
    });
  const onChange = (address: string, usable: boolean, reason: string) => {
    logger[usable ? 'info' : 'warn']({ address, usable, reason }, 'an expert pod changed');
    changed();
  };
  const fleet = new ExpertFleet({
    shape,
    resident,
    nowMs,
    open: (address) =>
      new PodLink(address, { connect, artifactDigest, hiddenSize, silenceMs, nowMs, random, onChange }),
  });
  const dispatcher = new Dispatcher({
    hiddenSize,
    holders: (layer, expert, stage) => fleet.holders(layer, expert, stage),
    notHeld: (pod, layer, expert) => fleet.notHeld(pod, layer, expert),
    complete: (id, outputs, missing) => engine.completeExperts(id, outputs, missing),
    hedging: new Hedging(config.expertHedge, silenceMs * 1000),
    events: counts,
    nowUs: () => nowMs() * 1000,
    later: (ms, then) => {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  });
  engine.onDispatch((call) => dispatcher.dispatch(call));
  const reports = new LoadReports(router, artifactDigest, shape.layers * shape.experts, nowMs);
  return {
    fleet,
    watch: (signal) =>
      watchPlacement(
        {
          router,
          shape,
          artifactDigest,
          random,
          version: () => fleet.version,
          placed: (map) => {
            fleet.place(map);
            logger.info({ version: String(map.version), pods: map.pods.length }, 'experts placed');
            changed();
          },
          lost: (err) => logger.warn({ err }, 'the expert-router is away, the last placement stays'),
        },
        signal,
      ),
    load: (rows, signal) => {
      fleet.tidy();
      reports.add(rows);
      void reports.tell(signal);
    },
    close: async () => {
      await fleet.close();
      router.close();
    },
  };
}
