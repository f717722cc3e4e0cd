import { inCluster, parseServiceAddress } from '@zen/cluster';
import type { Logger } from '@zen/telemetry';
import { namedThinkers } from './named-thinkers';
import { serviceThinkers } from './service-thinkers';
import type { ThinkerSource } from './thinker-source';

const RESOLVE_EVERY_MS = 10_000;

/** The sources of `ZEN_THINKERS`. Throws where an entry needs a cluster and there is none. */
export function thinkerSources(
  { thinkers }: { thinkers: readonly string[] },
  logger: Logger,
): ThinkerSource[] {
  const services = thinkers.flatMap((entry) => parseServiceAddress(entry) ?? []);
  const names = thinkers.filter((entry) => parseServiceAddress(entry) === undefined);
  const named = namedThinkers(names, RESOLVE_EVERY_MS, (name, reason) =>
    logger.warn({ name, reason }, 'thinker name does not resolve'),
  );
  const server = services.length > 0 ? inCluster(process.env) : undefined;
  const watched = services.map((service) =>
    serviceThinkers(server as NonNullable<typeof server>, service, Math.random, (error) =>
      logger.warn({ service: service.service, reason: error.message }, 'endpoints cannot be followed now'),
    ),
  );
  return names.length > 0 ? [named, ...watched] : watched;
}
