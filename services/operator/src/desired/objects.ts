import { COMPONENT_LABEL, MANAGED_LABEL, MANAGER } from '../resource/group';
import type { KubeObject } from '../resource/kube-object';
import type { Workload } from './blueprint';

/** A resource whose objects are made, and the labels that mark them as its. */
export interface Owner {
  resource: KubeObject;
  labels: Record<string, string>;
}

/** Name, labels and owner of an object; Kubernetes removes it with its owner. */
export function metadataOf({ resource, labels }: Owner, name: string, workload: Workload) {
  const { apiVersion, kind, metadata } = resource;
  const { namespace, uid } = metadata;
  if (!namespace || !uid) throw new Error(`${kind} ${metadata.name} has no namespace or uid`);
  const ofRelease = workload.spec.template.metadata.labels;
  return {
    name,
    namespace,
    labels: { ...ofRelease, ...labels, [MANAGED_LABEL]: MANAGER },
    ownerReferences: [{ apiVersion, kind, name: metadata.name, uid, controller: true }],
  };
}

/** A headless Service: whoever uses the pods finds each by itself. `ports` are names of the container's. */
export function headlessService(
  owner: Owner,
  name: string,
  workload: Workload,
  selector: object,
): KubeObject {
  return service(owner, name, workload, selector, { clusterIP: 'None' });
}

export function service(
  owner: Owner,
  name: string,
  workload: Workload,
  selector: object,
  more: object = {},
): KubeObject {
  const ports = workload.spec.template.spec.containers[0].ports
    // Health without TLS is for kubelets alone.
    .filter((port) => port.name !== 'health')
    .map((port) => ({ name: port.name, port: port.containerPort, targetPort: port.name, protocol: 'TCP' }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(owner, name, workload),
    spec: { ...more, selector, ports },
  };
}

/** One pod at a time may be away by choice; one that serves nobody does not hold up a drain. */
export function disruptionBudget(
  owner: Owner,
  name: string,
  workload: Workload,
  selector: object,
): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(owner, name, workload),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selector },
    },
  };
}

interface PolicyRules {
  ingress?: object[];
  egress: object[];
}

export function networkPolicy(
  owner: Owner,
  name: string,
  workload: Workload,
  selector: object,
  { ingress, egress }: PolicyRules,
): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(owner, name, workload),
    spec: {
      podSelector: { matchLabels: selector },
      policyTypes: ingress ? ['Ingress', 'Egress'] : ['Egress'],
      ...(ingress ? { ingress } : {}),
      egress,
    },
  };
}

/** A rule's peers: pods of this namespace. */
export const podPeers = (...selectors: object[]): object[] =>
  selectors.map((matchLabels) => ({ podSelector: { matchLabels } }));

export const tcp = (...ports: number[]): object[] => ports.map((port) => ({ protocol: 'TCP', port }));

/** Pods of the release that do this job, whoever made them. */
export function componentOf(workload: Workload, component: string): Record<string, string> {
  return { ...workload.spec.selector.matchLabels, [COMPONENT_LABEL]: component };
}
