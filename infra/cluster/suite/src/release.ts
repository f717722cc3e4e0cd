import type { Kube, KubeObject } from './kube';
import { until } from './until';

/** In the order in which they need each other. */
export const COMPONENTS = [
  'redis',
  'delta-store',
  'operator',
  'expert',
  'expert-router',
  'thinker',
  'talker',
  'gateway',
] as const;
export type ZenComponent = (typeof COMPONENTS)[number];

const ROLLOUT_MS = 300_000;

/** The pods and workloads of an installed release. */
export class Release {
  constructor(
    readonly kube: Kube,
    readonly name: string,
  ) {}

  selector(component?: ZenComponent): string {
    const all = `app.kubernetes.io/instance=${this.name}`;
    return component ? `${all},app.kubernetes.io/component=${component}` : all;
  }

  /** `deployment.apps/NAME`, `statefulset.apps/NAME` of a component. */
  async workloads(component: ZenComponent): Promise<string[]> {
    const argv = ['get', 'deployments,statefulsets', '-l', this.selector(component), '-o', 'name'];
    return (await this.kube.kubectl(argv)).split('\n').filter((name) => name !== '');
  }

  /** A pod of a component that is ready and not on its way out: its name and address. */
  async pod(component: ZenComponent): Promise<{ name: string; address: string }> {
    const pod = (await this.kube.list('pods', this.selector(component))).find(serves);
    if (!pod) throw new Error(`no ready pod of ${component}`);
    return { name: pod.metadata.name, address: pod.status.podIP };
  }

  /** Resolves when every pod is there and ready, and none is on its way out. */
  async whole(): Promise<void> {
    for (const component of COMPONENTS) {
      for (const workload of await this.workloads(component)) await this.kube.rolledOut(workload, ROLLOUT_MS);
    }
    // A workload may still say that it is rolled out just after one of its pods was killed, so the pods are counted.
    for (const component of COMPONENTS) {
      await until(
        `every pod of ${component} is ready`,
        async () => {
          const workloads = await this.kube.list('deployments,statefulsets', this.selector(component));
          const pods = await this.kube.list('pods', this.selector(component));
          const wanted = workloads.reduce((sum, { spec }) => sum + spec.replicas, 0);
          return pods.length === wanted && pods.every(serves);
        },
        ROLLOUT_MS,
      );
    }
  }

  /** Scales every model; resolves when it is whole. */
  async scaleThinkers(replicas: number): Promise<void> {
    for (const workload of await this.workloads('thinker')) {
      await this.kube.kubectl(['scale', workload, `--replicas=${replicas}`]);
    }
    await this.whole();
  }
}

function serves({ metadata, status }: KubeObject): boolean {
  const ready = status.conditions?.find(({ type }: { type: string }) => type === 'Ready');
  return !('deletionTimestamp' in metadata) && ready?.status === 'True';
}
