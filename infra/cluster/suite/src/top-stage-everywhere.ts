import type { Kube } from './kube';
import { until } from './until';

const TOP_STAGE = 4;

/** Waits until every thinker can answer with the top stage: the traffic asks for it. */
export async function topStageEverywhere(kube: Kube): Promise<void> {
  await until('every thinker has all stages', async () => {
    const pods = await kube.list('pods', 'app.kubernetes.io/component=thinker');
    const logs = await Promise.all(pods.map(({ metadata }) => kube.kubectl(['logs', metadata.name])));
    return logs.length > 0 && logs.every(hasTopStage);
  });
}

/** Whether a thinker of this log has the top stage: one that still fetches it names it too. */
export function hasTopStage(log: string): boolean {
  return log
    .split('\n')
    .some((line) => line.includes(`"stage":${TOP_STAGE},`) && line.includes('"msg":"stage attached"'));
}
