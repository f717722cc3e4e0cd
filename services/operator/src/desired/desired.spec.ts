import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import type { KubeObject } from '../resource/kube-object';
import { model, pool } from '../resource/resources.fixture';
import { type Blueprint, readBlueprint } from './blueprint';
import { BLUEPRINT } from './blueprint.fixture';
import { modelObjects } from './model-objects';
import { sourcePorts } from './pod-template';
import { poolObjects } from './pool-objects';

const schemaFile = join(__dirname, '../../../../charts/zen/tests/fixtures/kubernetes-schema.json');
const { kinds, $defs } = JSON.parse(readFileSync(schemaFile, 'utf8')) as {
  kinds: Record<string, object>;
  $defs: object;
};
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false });

/** What is wrong with an object by Kubernetes' own schema, in which unknown fields are wrong too. */
function problems(object: KubeObject): string[] {
  const id = `${object.apiVersion}/${object.kind}`;
  const schema = kinds[id];
  if (!schema) return [`${id} is not a kind of the schema`];
  const validate = ajv.getSchema(id) ?? ajv.compile({ ...schema, $defs, $id: id });
  validate(object);
  return (validate.errors ?? []).map((error) => `${object.kind}${error.instancePath} ${error.message}`);
}

// biome-ignore lint/suspicious/noExplicitAny: each kind has its own shape, checked by the schema.
const find = (objects: KubeObject[], kind: string, name: string): any =>
  objects.find((one) => one.kind === kind && one.metadata.name === name);
interface Settings {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
}
const envOf = ({ spec }: Settings) =>
  Object.fromEntries((spec.template.spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));

const wish = { source: { claim: 'c', path: 'a/b' }, replicas: 3, routers: 1, settleSeconds: 5 };

describe('the objects of a model', () => {
  const alone = modelObjects(model('a'), 2, null, BLUEPRINT);
  const withPool = modelObjects(model('a', { standInStage: 1 }), 2, 'x', BLUEPRINT);

  test.each([
    ['alone', alone],
    ['with a pool', withPool],
  ])("pass Kubernetes' schema %s", (_, objects) => {
    expect(objects.map(({ kind }) => kind)).toEqual([
      'NetworkPolicy',
      'Service',
      'Deployment',
      'PodDisruptionBudget',
    ]);
    expect(objects.flatMap(problems)).toEqual([]);
  });

  test('are its own: name, labels, owner', () => {
    for (const { metadata } of alone) {
      expect(metadata).toMatchObject({
        name: 'a-thinker',
        namespace: 'llm',
        labels: {
          'app.kubernetes.io/instance': 'one',
          'app.kubernetes.io/managed-by': 'zen-operator',
          'zen.hanzo.ai/zenmodel': 'a',
        },
        ownerReferences: [{ kind: 'ZenModel', name: 'a', uid: 'model-a', controller: true }],
      });
    }
  });

  test('have the pod of the chart, with what the resource says', () => {
    const resources = { limits: { memory: '3Gi' } };
    const objects = modelObjects(model('a', { resources, env: { ZEN_THREADS: '9' } }), 2, null, BLUEPRINT);
    const deployment = find(objects, 'Deployment', 'a-thinker');
    expect(deployment.spec.replicas).toBe(2);
    expect(envOf(deployment)).toEqual({ ZEN_LADDER: 'http://ladders:8080/a', ZEN_THREADS: '9' });
    const { spec } = deployment.spec.template;
    expect(spec.containers[0].resources).toEqual(resources);
    expect(spec.terminationGracePeriodSeconds).toBe(70);
    expect(spec.topologySpreadConstraints[0].labelSelector.matchLabels).toEqual(
      deployment.spec.selector.matchLabels,
    );
    expect(deployment.spec.template.metadata.labels).toMatchObject(deployment.spec.selector.matchLabels);
    expect(find(objects, 'Service', 'a-thinker').spec).toMatchObject({
      clusterIP: 'None',
      selector: deployment.spec.selector.matchLabels,
      ports: [
        { name: 'grpc', port: 50051 },
        { name: 'metrics', port: 9090 },
      ],
    });
    // The blueprint is for all.
    expect(envOf(BLUEPRINT.thinker)).toEqual({ ZEN_LADDER: 'none', ZEN_THREADS: '2' });
  });

  test('follow a router where there is a pool, and may reach it', () => {
    const deployment = find(withPool, 'Deployment', 'a-thinker');
    expect(envOf(deployment)).toMatchObject({
      ZEN_EXPERT_ROUTER: 'x-expert-router:50081',
      ZEN_EXPERT_STAND_IN: '1',
    });
    expect(deployment.spec.template.metadata.labels['zen.hanzo.ai/follows']).toBe('x');
    const egress = (objects: KubeObject[]) => find(objects, 'NetworkPolicy', 'a-thinker').spec.egress.length;
    expect([egress(alone), egress(withPool)]).toEqual([1, 3]);
    expect(envOf(find(alone, 'Deployment', 'a-thinker'))).not.toHaveProperty('ZEN_EXPERT_ROUTER');
  });
});

describe('the objects of a pool', () => {
  const objects = poolObjects(pool('x', { expertsPerPod: 4, stage: 2 }), wish, BLUEPRINT);

  test("pass Kubernetes' schema", () => {
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'NetworkPolicy x-expert',
      'NetworkPolicy x-expert-router',
      'Service x-expert',
      'StatefulSet x-expert',
      'PodDisruptionBudget x-expert',
      'Service x-expert-router',
      'Deployment x-expert-router',
    ]);
    expect(objects.flatMap(problems)).toEqual([]);
  });

  test('hold what the resource says', () => {
    const set = find(objects, 'StatefulSet', 'x-expert');
    expect(set.spec).toMatchObject({ replicas: 3, serviceName: 'x-expert', minReadySeconds: 5 });
    expect(envOf(set)).toMatchObject({
      ZEN_LADDER: '/ladder/a/b',
      ZEN_EXPERTS_PER_LAYER: '4',
      ZEN_EXPERT_STAGE: '2',
    });
    const { spec } = set.spec.template;
    expect(spec.volumes).toContainEqual({
      name: 'ladder',
      persistentVolumeClaim: { claimName: 'c', readOnly: true },
    });
    expect(spec.containers[0].volumeMounts).toContainEqual({
      name: 'ladder',
      mountPath: '/ladder',
      readOnly: true,
    });
    expect(envOf(find(objects, 'Deployment', 'x-expert-router'))).toMatchObject({
      ZEN_EXPERT_PODS: 'kubernetes:///x-expert:grpc',
    });
  });

  test('have no policies and budgets where the chart has none', () => {
    const bare: Blueprint = {
      ...BLUEPRINT,
      network: null,
      disruptionBudgets: { thinker: false, expert: false },
    };
    const made = poolObjects(pool('x'), wish, bare).map(({ kind }) => kind);
    expect(new Set(made)).toEqual(new Set(['Service', 'StatefulSet', 'Deployment']));
  });
});

test.each([
  [{ address: 'https://l.example.org/a' }, [443]],
  [{ address: 'http://l.example.org/a' }, [443, 80]],
  [{ address: 'http://l:8080/a' }, [443, 8080]],
  [{ address: 'oci://r.example.org:5000/a:1' }, [443, 5000]],
  [{ address: 's3://bucket/a' }, [443]],
  [{ claim: 'c' }, []],
])('a ladder from %j comes by the ports %j', (source, ports) => expect(sourcePorts(source)).toEqual(ports));

test.each<[string, string]>([
  ['{', 'the blueprint is not JSON'],
  ['{}', 'thinker: must be a Deployment'],
  [JSON.stringify({ ...BLUEPRINT, expert: {} }), 'expert: must be a Deployment'],
  [JSON.stringify({ ...BLUEPRINT, network: { dns: 1 } }), 'network.dns: must be a list'],
  [JSON.stringify({ ...BLUEPRINT, network: undefined }), 'network: must be there'],
  [JSON.stringify({ ...BLUEPRINT, disruptionBudgets: {} }), 'disruptionBudgets: must say'],
  [JSON.stringify({ ...BLUEPRINT, pullPolicy: 1 }), 'pullPolicy: must be there'],
])('a blueprint is checked: %s', (text, message) => expect(() => readBlueprint(text)).toThrow(message));
