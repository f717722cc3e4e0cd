import { setTimeout as pause } from 'node:timers/promises';
import { insideCluster, startComponent, stopComponent } from './component';
import { killPods } from './kill-pods';
import type { Release, ZenComponent } from './release';

export interface Disruption {
  name: string;
  /** Only the cluster of this machine can be treated so. */
  local?: true;
  /** Does it, and resolves when the release is whole again. */
  run(release: Release): Promise<void>;
}

export const kill = (component: ZenComponent): Disruption => ({
  name: `SIGKILL of a ${component}`,
  local: true,
  async run(release) {
    const { name } = await release.pod(component);
    await killPods(release.kube, [name]);
    await release.whole();
  },
});

export const remove = (component: ZenComponent, how: string, ...options: string[]): Disruption => ({
  name: `${how} of a ${component} pod`,
  async run(release) {
    const { name } = await release.pod(component);
    await release.kube.kubectl(['delete', 'pod', name, '--wait=false', ...options]);
    await pause(1000);
    await release.whole();
  },
});

/** Nothing passes between two pods of the local cluster for so long. */
export async function parted(one: string, other: string, ms: number): Promise<void> {
  const ways = [
    ['-s', one, '-d', other],
    ['-s', other, '-d', one],
  ];
  for (const way of ways) await insideCluster('iptables', '--insert', 'FORWARD', ...way, '--jump', 'DROP');
  await pause(ms);
  for (const way of ways) await insideCluster('iptables', '--delete', 'FORWARD', ...way, '--jump', 'DROP');
}

/** In the order in which they are done. Each finds and leaves two thinkers and two gateways. */
export const DISRUPTIONS: readonly Disruption[] = [
  kill('thinker'),
  kill('gateway'),
  kill('redis'),
  remove('thinker', 'deletion'),
  remove('thinker', 'forced deletion', '--force', '--grace-period=0'),
  remove('gateway', 'deletion'),
  {
    name: 'scale 1→3→1',
    async run(release) {
      await release.scaleThinkers(1);
      await release.scaleThinkers(3);
      await release.scaleThinkers(1);
      await release.scaleThinkers(2);
    },
  },
  {
    name: 'rolling upgrade',
    async run(release) {
      for (const component of ['thinker', 'gateway'] as const) {
        for (const workload of await release.workloads(component)) {
          await release.kube.kubectl(['rollout', 'restart', workload]);
        }
      }
      await release.whole();
    },
  },
  {
    name: 'node drain',
    async run(release) {
      const { kube } = release;
      const [node] = await kube.list('nodes');
      if (!node) throw new Error('no node');
      const { name } = node.metadata;
      // On a cluster of one node what is evicted finds no place, and the budgets hold back the rest until the drain
      // gives up. What counts is what the streams saw of it.
      const only = `--pod-selector=${release.selector()},app.kubernetes.io/component in (gateway,thinker)`;
      const argv = ['drain', name, only, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=20s'];
      const { status, stderr } = await kube.tryKubectl(argv);
      await kube.kubectl(['uncordon', name]);
      if (status !== 0 && !/timeout|disruption budget/i.test(stderr)) throw new Error(stderr);
      await release.whole();
    },
  },
  {
    name: 'API server gone for a minute',
    local: true,
    async run(release) {
      await stopComponent('apiserver');
      await pause(60_000);
      await startComponent('apiserver');
      await release.whole();
    },
  },
  {
    name: 'partition between a gateway and a thinker',
    local: true,
    async run(release) {
      const [gateway, thinker] = [await release.pod('gateway'), await release.pod('thinker')];
      await parted(gateway.address, thinker.address, 20_000);
      await release.whole();
    },
  },
  {
    name: 'artifact server gone while a thinker starts',
    async run(release) {
      const { name } = await release.pod('thinker');
      await release.kube.kubectl(['scale', 'deployment/ladders', '--replicas=0']);
      await release.kube.kubectl(['delete', 'pod', name, '--wait=false']);
      await pause(20_000);
      await release.kube.kubectl(['scale', 'deployment/ladders', '--replicas=1']);
      await release.whole();
    },
  },
];
