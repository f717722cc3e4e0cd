import { setTimeout as pause } from 'node:timers/promises';
import { insideCluster } from './component';
import type { ExpertsRelease, Resource } from './experts-release';
import { killPods } from './kill-pods';
import type { KubeObject } from './kube';
import { until } from './until';

export interface ExpertDisruption {
  name: string;
  /** Only the cluster of this machine can be treated so. */
  local?: true;
  /** Does it, and resolves when the pool serves again with two pods. */
  run(zen: ExpertsRelease, pool: Resource): Promise<void>;
}

const PODS = 2;
const PARTITION_MS = 10_000;

/** In the order in which they are done. Each finds and leaves two expert pods. */
export const EXPERT_DISRUPTIONS: readonly ExpertDisruption[] = [
  ...[...Array(PODS).keys()].map(
    (index): ExpertDisruption => ({
      name: `SIGKILL of expert pod ${index}`,
      local: true,
      run: async (zen, pool) => killed(zen, pool, [await podAt(zen, pool, index)]),
    }),
  ),
  {
    name: 'SIGKILL of all expert pods at once',
    local: true,
    run: async (zen, pool) => killed(zen, pool, await zen.podsOf(pool, 'expert')),
  },
  {
    name: 'partition between an expert pod and everybody',
    local: true,
    async run(zen, pool) {
      const address = (await podAt(zen, pool, 0)).status.podIP;
      const ways = ['-s', '-d'].map((side) => ['FORWARD', side, address, '--jump', 'DROP']);
      for (const way of ways) await insideCluster('iptables', '--insert', ...way);
      await pause(PARTITION_MS);
      for (const way of ways) await insideCluster('iptables', '--delete', ...way);
      await whole(zen, pool);
    },
  },
  {
    name: 'rolling restart of the expert pods',
    async run(zen, pool) {
      const set = `statefulset/${nameOf(pool)}-expert`;
      await zen.kube.kubectl(['rollout', 'restart', set]);
      await zen.kube.rolledOut(set, 240_000);
      await whole(zen, pool);
    },
  },
  {
    name: 'scale 2→6→2',
    async run(zen, pool) {
      await zen.scale(pool, 6);
      await zen.reaches(pool, 'Serving', 6);
      await zen.scale(pool, PODS);
      await whole(zen, pool);
    },
  },
  {
    name: 'SIGKILL of the expert-router',
    local: true,
    run: async (zen, pool) => killed(zen, pool, await zen.podsOf(pool, 'expert-router')),
  },
  {
    name: 'forced deletion of the operator',
    async run(zen, pool) {
      await zen.killPod(await zen.leader());
      await whole(zen, pool);
    },
  },
];

const nameOf = (pool: Resource): string => pool.split('/')[1] ?? '';

async function podAt(zen: ExpertsRelease, pool: Resource, index: number): Promise<KubeObject> {
  const pod = (await zen.podsOf(pool, 'expert'))[index];
  if (!pod) throw new Error(`${pool} has no pod ${index}`);
  return pod;
}

async function killed(zen: ExpertsRelease, pool: Resource, pods: KubeObject[]): Promise<void> {
  await killPods(
    zen.kube,
    pods.map(({ metadata }) => metadata.name),
  );
  await whole(zen, pool);
}

async function whole(zen: ExpertsRelease, pool: Resource): Promise<void> {
  await zen.reaches(pool, 'Serving', PODS);
  await until(
    'the pods that should go are gone',
    async () => (await zen.podsOf(pool, 'expert')).length === PODS,
    120_000,
  );
}
