import { type ApiServer, type ClusterError, followEndpoints, type ServiceAddress } from '@zen/cluster';
import type { ThinkerSource } from './thinker-source';

/** The endpoints of a Kubernetes Service, as the API server reports their changes. */
export function serviceThinkers(
  server: ApiServer,
  service: ServiceAddress,
  random: () => number,
  onTrouble: (error: ClusterError) => void,
): ThinkerSource {
  return {
    follow: (onSet, signal) =>
      followEndpoints(server, service, { onChange: onSet, onTrouble }, { random }, signal),
  };
}
