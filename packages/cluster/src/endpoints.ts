import { isIP } from 'node:net';
import type { ApiServer } from './api-server';
import type { Endpoint } from './endpoint-source';
import { type Followed, type FollowOptions, follow, type KubeObject } from './follow';
import type { ServiceAddress } from './service-address';

/** What is read of a discovery.k8s.io/v1 EndpointSlice; everything may be missing. */
export interface EndpointSlice extends KubeObject {
  ports?: { name?: string | null; port?: number | null }[] | null;
  endpoints?:
    | {
        addresses?: string[];
        nodeName?: string | null;
        zone?: string | null;
        conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };
      }[]
    | null;
}

/**
 * Every endpoint that new requests may go to: ready, or one of those that were open `before`, and not on its way out.
 * Who has a connection to a pod knows better than the cluster whether it can serve: a node whose lease is late, as after
 * the API server's absence, makes all its pods unready that answer as ever. Where a Service has both families its pods
 * are in it twice, so only one family counts, IPv4 if there is any.
 */
export function openEndpoints(
  slices: readonly EndpointSlice[],
  port: ServiceAddress['port'],
  before: ReadonlySet<string> = new Set(),
): Endpoint[] {
  const found = { 4: new Map<string, Endpoint>(), 6: new Map<string, Endpoint>() };
  for (const { endpoints, ports } of slices) {
    const number = typeof port === 'number' ? port : ports?.find(({ name }) => name === port)?.port;
    if (!number) continue;
    for (const { addresses, conditions, nodeName, zone } of endpoints ?? []) {
      const { ready, serving, terminating } = conditions ?? {};
      if (terminating) continue;
      // Should there be more addresses, they are the same pod's.
      const address = addresses?.[0] ?? '';
      const family = isIP(address);
      if (family === 0) continue;
      const at = family === 4 ? `${address}:${number}` : `[${address}]:${number}`;
      // A Service that publishes all its pods calls them ready, whatever their probes say; `serving` tells the truth.
      if ((ready === false || serving === false) && !before.has(at)) continue;
      found[family as 4 | 6].set(at, { address: at, node: nodeName ?? '', zone: zone ?? '' });
    }
  }
  return [...(found[4].size > 0 ? found[4] : found[6]).values()];
}

/** Follows the endpoints of a Service that take new requests; see `follow`. */
export function followEndpoints(
  server: ApiServer,
  { namespace, service, port }: ServiceAddress,
  followed: Followed<Endpoint>,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return followSelectedEndpoints(server, { namespace, labelSelector, port }, followed, options, signal);
}

/** The same of all Services whose labels are selected: their EndpointSlices have them too. */
export function followSelectedEndpoints(
  server: ApiServer,
  {
    namespace,
    labelSelector,
    port,
  }: { namespace: string; labelSelector: string; port: ServiceAddress['port'] },
  { onChange, ...others }: Followed<Endpoint>,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace || server.namespace}/endpointslices`;
  let open: ReadonlySet<string> = new Set();
  const followed: Followed<EndpointSlice> = {
    ...others,
    onChange: (slices) => {
      const endpoints = openEndpoints(slices, port, open);
      open = new Set(endpoints.map(({ address }) => address));
      onChange(endpoints);
    },
  };
  return follow(server, path, { labelSelector }, followed, options, signal);
}
