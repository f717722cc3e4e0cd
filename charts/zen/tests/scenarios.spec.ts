import { problems } from './kubernetes-schema';
import { CHART, describeWith, helm, render, scenarios } from './render';

describeWith(['helm'], 'every scenario', () => {
  test('all are there', () => {
    expect(scenarios.map(([name]) => name)).toEqual([
      'air-gapped',
      'deltas',
      'edge',
      'experts',
      'gpu',
      'ha',
      'minimal',
      'speech',
    ]);
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
    const clusterWide = ['PriorityClass', 'CustomResourceDefinition'];
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
