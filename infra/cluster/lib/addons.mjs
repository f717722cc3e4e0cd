// What runs in the cluster as objects: DNS, metrics, volumes, and a name for the registry.
import { join } from 'node:path';
import { tools } from './binaries.mjs';
import { adminKubeconfig } from './credentials.mjs';
import { nodeIp } from './network.mjs';
import { run } from './run.mjs';
import { here } from './settings.mjs';

/** kubectl with every right, ended after `timeoutMs`. */
export const kubectl = (argv, options = {}) =>
  run(tools().kubectl, ['--kubeconfig', adminKubeconfig, ...argv], options);

/** Pods reach the registry, a process on the node, by the same name as image references use. */
const registryService = () => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'registry', namespace: 'kube-system' },
      spec: { ports: [{ port: 5000 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'registry',
        namespace: 'kube-system',
        labels: { 'kubernetes.io/service-name': 'registry' },
      },
      addressType: 'IPv4',
      ports: [{ port: 5000, protocol: 'TCP' }],
      endpoints: [{ addresses: [nodeIp()], conditions: { ready: true } }],
    },
  ],
});

export function applyAddons() {
  kubectl(['apply', '-f', join(here, 'addons')]);
  kubectl(['apply', '-f', '-'], { input: JSON.stringify(registryService()) });
}

/** Waits until DNS, metrics and volumes serve. */
export function awaitAddons() {
  for (const name of ['coredns', 'local-path-provisioner', 'metrics-server']) {
    kubectl(['-n', 'kube-system', 'rollout', 'status', `deployment/${name}`, '--timeout=180s'], {
      timeoutMs: 200_000,
    });
  }
  kubectl(['wait', 'apiservice/v1beta1.metrics.k8s.io', '--for=condition=Available', '--timeout=120s'], {
    timeoutMs: 150_000,
  });
}
