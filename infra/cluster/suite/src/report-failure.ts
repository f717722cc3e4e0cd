import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube } from './kube';

/** Writes objects, events and logs of a namespace into a folder of the reports and returns it. Throws nothing. */
export async function reportFailure(kube: Kube, test: string): Promise<string> {
  const folder = join(
    kube.target.reports,
    `${kube.namespace}-${test.replace(/[^a-z0-9]+/gi, '-').slice(0, 60)}`,
  );
  mkdirSync(folder, { recursive: true });
  const keep = async (name: string, argv: string[]) => {
    const result = await kube
      .tryKubectl(argv)
      .catch((error: Error) => ({ stdout: '', stderr: error.message }));
    writeFileSync(join(folder, name), `${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  await keep('objects.txt', ['get', 'all,networkpolicies,pvc,endpointslices', '-o', 'wide']);
  await keep('events.txt', ['get', 'events', '--sort-by=.lastTimestamp']);
  await keep('pods.txt', ['describe', 'pods']);
  const pods = (await keep('pod-names.txt', ['get', 'pods', '-o', 'name']))
    .trim()
    .split('\n')
    .filter(Boolean);
  for (const pod of pods) {
    const name = pod.replace('pod/', '');
    await keep(`${name}.log`, ['logs', pod, '--all-containers', '--tail=2000']);
    await keep(`${name}.previous.log`, ['logs', pod, '--all-containers', '--previous', '--tail=2000']);
  }
  return folder;
}
