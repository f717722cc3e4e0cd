import type { Blueprint, Workload } from './blueprint';

const RELEASE = { 'app.kubernetes.io/name': 'zen', 'app.kubernetes.io/instance': 'one' };

const SPREAD = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };

function workload(component: string, port: number, env: Record<string, string>): Workload {
  const selector = { ...RELEASE, 'app.kubernetes.io/component': component };
  return {
    kind: 'Deployment',
    spec: {
      revisionHistoryLimit: 3,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: { ...selector } },
        spec: {
          topologySpreadConstraints: [{ ...SPREAD, labelSelector: { matchLabels: { ...selector } } }],
          terminationGracePeriodSeconds: 70,
          containers: [
            {
              name: component,
              env: Object.entries(env).map(([name, value]) => ({ name, value })),
              volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
              resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
              ports: [
                { name: 'grpc', containerPort: port },
                { name: 'metrics', containerPort: 9090 },
              ],
            },
          ],
          volumes: [{ name: 'tmp' }],
        },
      },
    },
  };
}

/** What the chart renders, shortened. */
export const BLUEPRINT: Blueprint = {
  thinker: workload('thinker', 50051, { ZEN_LADDER: 'none', ZEN_THREADS: '2' }),
  expert: workload('expert', 50071, { ZEN_LADDER: 'none' }),
  expertRouter: workload('expert-router', 50081, {}),
  disruptionBudgets: { thinker: true, expert: true },
  pullPolicy: 'IfNotPresent',
  network: {
    dns: [{ ports: [{ protocol: 'UDP', port: 53 }] }],
    tracing: [],
    apiServer: [{ ports: [{ protocol: 'TCP', port: 6443 }] }],
    sources: [{ ipBlock: { cidr: '0.0.0.0/0' } }],
    prometheus: [],
  },
};
