import { endpointSources } from '@zen/cluster';
import type { ClientTls } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { GatewayConfig } from '../config';
import { talkerConnector } from './talker-client';
import { Talkers } from './talkers';

type TalkerSettings = Pick<GatewayConfig, 'talkers' | 'talkerServerName' | 'watchIntervalMs'>;

/** The talkers of the configuration, not followed yet. */
export function openTalkers(
  { talkers, talkerServerName: serverName, watchIntervalMs }: TalkerSettings,
  tls: ClientTls | undefined,
  logger: Logger,
  now: () => number,
): Talkers {
  // The name in the thinkers' certificates is not theirs.
  const own = tls && { certificates: tls.certificates, serverName };
  return new Talkers({
    connect: talkerConnector(own),
    watchIntervalMs,
    random: Math.random,
    now,
    sources:
      talkers.length === 0
        ? []
        : endpointSources(talkers, {
            onUnresolved: (name, reason) => logger.warn({ name, reason }, 'talker name does not resolve'),
            onTrouble: (service, reason) =>
              logger.warn({ service, reason }, 'endpoints cannot be followed now'),
          }),
    onState: (talker, up, reason) =>
      up ? logger.info({ talker }, 'talker connected') : logger.warn({ talker, reason }, 'talker is down'),
  });
}
