import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { CHART, describeWith, helm, type KubeObject, render, scenarios } from './render';

const kubernetes = JSON.parse(
  readFileSync(join(__dirname, 'fixtures', 'kubernetes-schema.json'), 'utf8'),
) as { kinds: Record<string, object>; $defs: object };
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false });

/** What is wrong with an object by Kubernetes' own schema, in which unknown fields are wrong too. */
function problems(object: KubeObject): string[] {
  const id = `${object.apiVersion}/${object.kind}`;
  const schema = kubernetes.kinds[id];
  if (!schema) return [`${id} is not a kind of the schema`];
  const validate = ajv.getSchema(id) ?? ajv.compile({ ...schema, $defs: kubernetes.$defs, $id: id });
  validate(object);
  return (validate.errors ?? []).map(
    (error) => `${object.kind} ${object.metadata.name}${error.instancePath} ${error.message}`,
  );
}

describeWith(['helm'], 'every scenario', () => {
  test('all are there', () => {
    expect(scenarios.map(([name]) => name)).toEqual(['air-gapped', 'deltas', 'edge', 'gpu', 'ha', 'minimal']);
  });

  test.each(scenarios)('%s passes helm lint', (_, values) => {
    const { status, stdout } = helm(['lint', '--strict', '--values', '-', CHART], values);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('0 chart(s) failed') });
  });

  test.each(scenarios)("%s passes Kubernetes' schema", (_, values) => {
    const objects = render(values);
    expect(objects.length).toBeGreaterThanOrEqual(10);
    expect(objects.flatMap(problems)).toEqual([]);
  });

  test.each(scenarios)('%s names each object once, in its namespace', (_, values) => {
    const objects = render(values, 'elsewhere');
    const names = objects.map((one) => `${one.kind} ${one.metadata.name}`);
    expect(names).toEqual([...new Set(names)]);
    const clusterWide = ['PriorityClass'];
    for (const { kind, metadata } of objects) {
      if (clusterWide.includes(kind)) continue;
      expect([kind, metadata.name, metadata.namespace]).toEqual([kind, metadata.name, 'elsewhere']);
      expect(metadata.name.length).toBeLessThanOrEqual(63);
    }
  });

  test('a misspelt field is found', () => {
    const [deployment] = render().filter((one) => one.kind === 'Deployment');
    deployment!.spec.template.spec.terminationGraceSeconds = 5;
    expect(problems(deployment!)).toEqual([expect.stringContaining('must NOT have additional properties')]);
  });
});
