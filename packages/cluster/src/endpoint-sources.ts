import { inCluster } from './api-server';
import type { EndpointSource } from './endpoint-source';
import { namedEndpoints } from './named-endpoints';
import { parseServiceAddress } from './service-address';
import { serviceEndpoints } from './service-endpoints';

const RESOLVE_EVERY_MS = 10_000;

export interface EndpointWorries {
  onUnresolved(name: string, reason: string): void;
  /** A Service cannot be followed now. */
  onTrouble(service: string, reason: string): void;
}

/**
 * The sources of a list of `host:port` (a name stands for all its addresses) and `kubernetes://NAMESPACE/SERVICE:PORT`.
 * Throws a ClusterError where an entry needs a cluster and there is none.
 */
export function endpointSources(entries: readonly string[], worries: EndpointWorries): EndpointSource[] {
  const services = entries.flatMap((entry) => parseServiceAddress(entry) ?? []);
  const names = entries.filter((entry) => parseServiceAddress(entry) === undefined);
  const named = namedEndpoints(names, RESOLVE_EVERY_MS, worries.onUnresolved);
  const server = services.length > 0 ? inCluster(process.env) : undefined;
  const watched = services.map((service) =>
    serviceEndpoints(server as NonNullable<typeof server>, service, Math.random, ({ message }) =>
      worries.onTrouble(service.service, message),
    ),
  );
  return names.length > 0 ? [named, ...watched] : watched;
}
