import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export const CHART = join(__dirname, '..');
const ROOT = join(CHART, '..', '..');

interface Tools {
  helm: string | null;
  kubectl: string | null;
  promtool: string | null;
}
const { stdout } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'kube-tools.mjs')], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
export const tools: Tools = JSON.parse(stdout);

/** `describe`, or a skip that says what is missing. */
export function describeWith(needs: (keyof Tools)[], name: string, body: () => void): void {
  const missing = needs.filter((tool) => tools[tool] === null);
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} (no ${missing.join(', ')})`, body);
}

/** A rendered object, as far as tests look into all of them. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own shape, checked by the schema test.
  [field: string]: any;
}

export interface Helm {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs helm with values on its standard input (`-f -` among the arguments). */
export function helm(args: string[], values: object = {}): Helm {
  const { status, stdout, stderr, error } = spawnSync(tools.helm ?? '', args, {
    encoding: 'utf8',
    input: JSON.stringify(values),
    maxBuffer: 64 * 2 ** 20,
  });
  if (error) throw error;
  return { status: status ?? -1, stdout, stderr };
}

/** The least that renders. */
export const MODEL = { name: 'smollm2', source: { address: 'https://ladders.example.org/smollm2' } };

/** What `helm template` makes of values; throws its message where they are refused. */
export function render(values: object = {}, namespace = 'llm', chart = CHART): KubeObject[] {
  const merged = { models: [MODEL], ...values };
  const { status, stdout, stderr } = helm(
    ['template', 'one', chart, '--namespace', namespace, '--values', '-'],
    merged,
  );
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return (document.toJS() as KubeObject | null) ?? [];
  });
}

/** The one object of a kind and a name. */
export function find(objects: KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.filter((one) => one.kind === kind && one.metadata.name === name);
  if (found.length !== 1) {
    const names = objects.filter((one) => one.kind === kind).map((one) => one.metadata.name);
    throw new Error(`${found.length} of ${kind} ${name}; there are ${names.join(', ') || 'none'}`);
  }
  return found[0]!;
}

/** Environment of a workload's first container, by name. */
export function envOf(workload: KubeObject): Record<string, unknown> {
  const env = workload.spec.template.spec.containers[0].env as { name: string; value?: string }[];
  return Object.fromEntries(env.map(({ name, value, ...rest }) => [name, value ?? rest]));
}

/** The named scenarios of `ci/`. */
export const scenarios: [name: string, values: object][] = readdirSync(join(CHART, 'ci')).map((file) => [
  file.replace('-values.yaml', ''),
  parse(readFileSync(join(CHART, 'ci', file), 'utf8')) as object,
]);
