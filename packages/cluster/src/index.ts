export { type ApiServer, inCluster } from './api-server';
export { ClusterError } from './cluster-error';
export { type EndpointSlice, followEndpoints, openEndpoints } from './endpoints';
export { type Followed, type FollowOptions, follow, type KubeObject } from './follow';
export { parseServiceAddress, type ServiceAddress } from './service-address';
