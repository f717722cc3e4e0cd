import { API_VERSION, MANAGED_LABEL, MANAGER } from '../resource/group';

export interface Kind {
  apiVersion: string;
  kind: string;
  plural: string;
  /** What of it is watched. */
  labelSelector?: string;
}

const OURS = `${MANAGED_LABEL}=${MANAGER}`;
const own = (apiVersion: string, kind: string, plural: string): Kind => ({
  apiVersion,
  kind,
  plural,
  labelSelector: OURS,
});

export const MODELS: Kind = { apiVersion: API_VERSION, kind: 'ZenModel', plural: 'zenmodels' };
export const POOLS: Kind = { apiVersion: API_VERSION, kind: 'ExpertPool', plural: 'expertpools' };
export const PODS: Kind = own('v1', 'Pod', 'pods');
/** What the operator makes. */
export const MADE: readonly Kind[] = [
  own('v1', 'Service', 'services'),
  own('apps/v1', 'Deployment', 'deployments'),
  own('apps/v1', 'StatefulSet', 'statefulsets'),
  own('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  own('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
];
export const WATCHED: readonly Kind[] = [MODELS, POOLS, ...MADE, PODS];

/** Path of a kind's objects in a namespace, or of the one with this name, or of a part of it such as `status`. */
export function pathOf(
  { apiVersion, plural }: Pick<Kind, 'apiVersion' | 'plural'>,
  namespace: string,
  name?: string,
  part?: string,
): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return [`${root}/namespaces/${namespace}/${plural}`, name, part].filter(Boolean).join('/');
}

export function kindOf(name: string): Kind {
  const kind = WATCHED.find((one) => one.kind === name);
  if (!kind) throw new Error(`${name} is not a kind of the operator`);
  return kind;
}
