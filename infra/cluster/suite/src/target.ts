import { join } from 'node:path';

export const ROOT = join(__dirname, '..', '..', '..', '..');

/** An image in two parts, as values of the chart want it. */
export interface Image {
  repository: string;
  tag: string;
}

/** The cluster under test; `npm run test:cluster` fills it in. */
export interface Target {
  kubectl: string;
  helm: string;
  kubeconfig: string;
  context: string;
  /** Where all images are. */
  registry: string;
  images: { name: string; tag: string }[];
  /** `HOST:PORT` of the local registry as this machine reaches it; empty elsewhere. */
  registryAddress: string;
  /** Address of a small model for `models[].source`, from a server in the namespace zen-test-ladders. */
  ladder: string;
  /** Whether the cluster is the one of infra/cluster, whose components tests may stop. */
  local: boolean;
  /** Folder for what a failed test leaves: events and logs. */
  reports: string;
}

/** Reads ZEN_CLUSTER_TARGET. Throws where the tests were not started by `npm run test:cluster`. */
export function readTarget(env: Readonly<Record<string, string | undefined>> = process.env): Target {
  const text = env.ZEN_CLUSTER_TARGET;
  if (!text) throw new Error('ZEN_CLUSTER_TARGET is not set: run these tests with npm run test:cluster');
  return JSON.parse(text) as Target;
}

/** An image by its name without registry: `zen/gateway`, `zen/thinker`, `zen/toolbox`, `zen/redis`, `zen/test-ladder`. */
export function imageOf(target: Target, name: string): Image & { reference: string } {
  const image = target.images.find((candidate) => candidate.name === name);
  if (!image) throw new Error(`no image ${name} in ${target.registry}`);
  return { repository: name, tag: image.tag, reference: `${target.registry}/${name}:${image.tag}` };
}
