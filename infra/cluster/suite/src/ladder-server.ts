import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube } from './kube';
import { imageOf } from './target';

export const MODEL = 'smollm2-135m-instruct';

/**
 * A Deployment and Service `ladders` of its own, with the small packed model behind a web server. Returns its address
 * for `models[].source`. A test that does not stop it takes the one that all share: `target.ladder`.
 */
export async function ladderServer(kube: Kube): Promise<string> {
  const template = readFileSync(join(__dirname, '..', 'ladder-server.json'), 'utf8');
  await kube.apply(
    ...JSON.parse(template.replace('IMAGE', imageOf(kube.target, 'zen/test-ladder').reference)),
  );
  await kube.rolledOut('deployment/ladders');
  return `http://ladders.${kube.namespace}.svc.cluster.local:8080/${MODEL}`;
}
