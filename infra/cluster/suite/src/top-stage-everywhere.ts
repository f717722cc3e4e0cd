import type { Kube } from './kube';
import { until } from './until';

/** Waits until every thinker can answer with the top stage: the traffic asks for it. */
export async function topStageEverywhere(kube: Kube): Promise<void> {
  await until('every thinker has all stages', async () => {
    const pods = await kube.list('pods', 'app.kubernetes.io/component=thinker');
    const logs = await Promise.all(pods.map(({ metadata }) => kube.kubectl(['logs', metadata.name])));
    return (
      logs.length > 0 && logs.every((log) => log.includes('"stage":4,') && log.includes('stage attached'))
    );
  });
}
