import type { ApiServer } from './api-server';
import type { ClusterError } from './cluster-error';
import type { EndpointSource } from './endpoint-source';
import { followEndpoints } from './endpoints';
import type { ServiceAddress } from './service-address';

/** The endpoints of a Kubernetes Service, as the API server reports their changes. */
export function serviceEndpoints(
  server: ApiServer,
  service: ServiceAddress,
  random: () => number,
  onTrouble: (error: ClusterError) => void,
): EndpointSource {
  return {
    follow: (onSet, signal) =>
      followEndpoints(server, service, { onChange: onSet, onTrouble }, { random }, signal),
  };
}
