import { insideCluster } from './component';
import type { Kube } from './kube';
import { until } from './until';

/** Ends the first container of each pod, all at once, as the kernel would; resolves when all are started again. */
export async function killPods(kube: Kube, names: readonly string[]): Promise<void> {
  const container = async (name: string): Promise<{ restarts: number; id: string }> => {
    const { restartCount, containerID } = (await kube.get('pod', name)).status.containerStatuses[0];
    return { restarts: restartCount, id: String(containerID).replace('containerd://', '') };
  };
  const before = await Promise.all(names.map(container));
  await Promise.all(
    before.map(({ id }) =>
      insideCluster('ctr', '--namespace', 'k8s.io', 'tasks', 'kill', '--signal', 'SIGKILL', id),
    ),
  );
  // Until the kubelet has seen it everything looks whole.
  for (const [at, name] of names.entries()) {
    const { restarts } = before[at] as { restarts: number };
    await until(`${name} is started again`, async () => (await container(name)).restarts > restarts);
  }
}
