import type { Kube } from './kube';
import { imageOf } from './target';

export interface ToolboxOptions {
  labels?: Record<string, string>;
  /** A shell command that runs instead of waiting. */
  command?: string;
  /** Fields of the pod's and the container's spec. */
  pod?: object;
  container?: object;
}

/** A pod with a small system (sh, wget, nslookup, nc, httpd); ready when this returns. */
export async function toolboxPod(kube: Kube, name: string, options: ToolboxOptions = {}): Promise<void> {
  const { labels = {}, command = 'sleep 86400', pod = {}, container = {} } = options;
  await kube.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name, ...labels } },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'toolbox',
          image: imageOf(kube.target, 'zen/toolbox').reference,
          command: ['sh', '-c', command],
          ...container,
        },
      ],
      ...pod,
    },
  });
  await kube.wait(`pod/${name}`, 'condition=Ready');
}

/** What a pod gets from a URL within `seconds`: the body, or null. */
export async function fetchFrom(kube: Kube, pod: string, url: string, seconds = 5): Promise<string | null> {
  const argv = ['timeout', String(seconds), 'wget', '-q', '-O', '-', url];
  const { status, stdout } = await kube.exec(pod, argv, { timeoutMs: (seconds + 30) * 1000 });
  return status === 0 ? stdout : null;
}
