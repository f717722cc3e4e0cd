import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube } from './kube';
import { imageOf } from './target';

export const MODEL = 'smollm2-135m-instruct';
/** A mixture of experts with random weights: four layers of eight. */
export const MIXTURE = 'tiny-mixture';
const IMAGES = { [MODEL]: 'zen/test-ladder', [MIXTURE]: 'zen/test-mixture' };

/**
 * A Deployment and Service `ladders` of its own, with the small packed model behind a web server. Returns its address
 * for `models[].source`. A test that does not stop it takes the one that all share: `target.ladder`.
 */
export async function ladderServer(kube: Kube, model: keyof typeof IMAGES = MODEL): Promise<string> {
  const template = readFileSync(join(__dirname, '..', 'ladder-server.json'), 'utf8');
  await kube.apply(
    ...JSON.parse(template.replace('IMAGE', imageOf(kube.target, IMAGES[model] as string).reference)),
  );
  await kube.rolledOut('deployment/ladders');
  return `http://ladders.${kube.namespace}.svc.cluster.local:8080/${model}`;
}
