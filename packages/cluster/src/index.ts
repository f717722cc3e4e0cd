export { type ApiServer, inCluster } from './api-server';
export { ClusterError } from './cluster-error';
export { type EndpointSlice, followEndpoints, followSelectedEndpoints, openEndpoints } from './endpoints';
export { type Followed, type FollowOptions, follow, type KubeObject } from './follow';
export { type Candidate, holdLease, type LeaseName } from './lease';
export type { ApiRequest } from './request';
export { APPLY_PATCH, MERGE_PATCH, send } from './send';
export { parseServiceAddress, type ServiceAddress } from './service-address';
