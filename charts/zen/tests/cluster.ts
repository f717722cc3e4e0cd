import { spawnSync } from 'node:child_process';
import { tools } from './render';

/**
 * The cluster that the cluster specs use, from the environment:
 *   ZEN_TEST_KUBECONFIG  its kubeconfig
 *   ZEN_TEST_REGISTRY    registry of the images zen/gateway and zen/thinker, as nodes name it
 *   ZEN_TEST_TAG         their tag
 *   ZEN_TEST_LADDER      address of a small ladder that pods can fetch
 */
const NAMES = ['ZEN_TEST_KUBECONFIG', 'ZEN_TEST_REGISTRY', 'ZEN_TEST_TAG', 'ZEN_TEST_LADDER'] as const;
const missing = NAMES.filter((name) => !process.env[name]);
const given = (name: (typeof NAMES)[number]) => process.env[name] ?? '';

/** `describe`, or a skip that says what is missing. */
export function describeCluster(name: string, body: () => void): void {
  if (missing.length === 0 && tools.helm && tools.kubectl) describe(name, body);
  else describe.skip(`${name} (no ${[...missing, ...(tools.helm ? [] : ['helm'])].join(', ')})`, body);
}

export const registry = given('ZEN_TEST_REGISTRY');
export const tag = given('ZEN_TEST_TAG');

/** Values for a small machine: images and ladder of the environment over the least. */
export const smallValues = {
  image: { registry, tag },
  models: [{ name: 'smollm2', source: { address: given('ZEN_TEST_LADDER') } }],
  gateway: { replicas: 1, resources: { requests: { cpu: '100m', memory: '128Mi' } } },
  thinker: {
    kvBytes: '128MiB',
    graceSeconds: 5,
    resources: { requests: { cpu: '200m', memory: '448Mi' }, limits: { memory: '1Gi' } },
  },
};

interface Output {
  status: number;
  stdout: string;
  stderr: string;
}

function run(file: string | null, args: string[], input: string): Output {
  const { status, stdout, stderr, error } = spawnSync(file ?? '', args, {
    encoding: 'utf8',
    input,
    maxBuffer: 64 * 2 ** 20,
    env: { ...process.env, KUBECONFIG: given('ZEN_TEST_KUBECONFIG') },
  });
  if (error) throw error;
  return { status: status ?? -1, stdout, stderr };
}

/** Runs kubectl without judging how it ends. */
export const tryKubectl = (args: string[], input = ''): Output => run(tools.kubectl, args, input);

/** Standard output of kubectl; throws what it says where it fails. */
export function kubectl(args: string[], input = ''): string {
  const { status, stdout, stderr } = tryKubectl(args, input);
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

/** Standard output of helm with values on its standard input; throws what it says where it fails. */
export function helmIn(args: string[], values: object = {}): string {
  const { status, stdout, stderr } = run(tools.helm, args, JSON.stringify(values));
  if (status !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}
