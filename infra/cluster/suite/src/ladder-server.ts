import type { Kube } from './kube';
import { imageOf } from './target';

export const MODEL = 'smollm2-135m-instruct';

/** A Deployment `ladders` with the small packed model behind a web server. Returns its address for `models[].source`. */
export async function ladderServer(kube: Kube): Promise<string> {
  const labels = { app: 'ladders' };
  await kube.apply(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'ladders', labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 0,
            automountServiceAccountToken: false,
            containers: [
              {
                name: 'httpd',
                image: imageOf(kube.target, 'zen/test-ladder').reference,
                ports: [{ containerPort: 8080 }],
                readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ladders' },
      spec: { selector: labels, ports: [{ port: 8080 }] },
    },
  );
  await kube.rolledOut('deployment/ladders');
  return `http://ladders.${kube.namespace}.svc.cluster.local:8080/${MODEL}`;
}
