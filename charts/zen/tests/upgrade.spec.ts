import { join } from 'node:path';
import { CHART, describeWith, type KubeObject, render, scenarios } from './render';

/** The version before this one, as it was packaged. */
const PREVIOUS = join(__dirname, 'fixtures', 'zen-0.2.0.tgz');

/** Fields that the API server lets nobody change, by kind. */
const IMMUTABLE: Record<string, (object: KubeObject) => unknown> = {
  Deployment: ({ spec }) => spec.selector,
  StatefulSet: ({ spec }) => [spec.selector, spec.serviceName, spec.volumeClaimTemplates],
  Service: ({ spec }) => spec.clusterIP,
  PersistentVolumeClaim: ({ spec }) => [spec.accessModes, spec.storageClassName],
  RoleBinding: ({ roleRef }) => roleRef,
  PriorityClass: ({ value }) => value,
  Secret: ({ type }) => type,
};
const nameOf = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.name}`;

describeWith(['helm'], 'upgrade from 0.2.0', () => {
  // Values of before the upgrade are those of scenarios, without what came later.
  const then = scenarios.filter(([name]) => !['experts', 'speech'].includes(name));
  const before = then.map(([name, values]) => {
    const old = structuredClone(values) as {
      deltaStore?: object;
      networkPolicy?: { buckets?: object };
      models: { deltas?: object }[];
    };
    delete old.deltaStore;
    delete old.networkPolicy?.buckets;
    for (const model of old.models) delete model.deltas;
    return [name, old] as const;
  });

  test.each(before)('%s goes over with the same values', (_, values) => {
    const old = render(values, 'llm', PREVIOUS);
    const now = new Map(render(values, 'llm', CHART).map((one) => [nameOf(one), one]));
    expect(old.filter((one) => !now.has(nameOf(one))).map(nameOf)).toEqual([]);
    const fixed = old.flatMap((one) => {
      const immutable = IMMUTABLE[one.kind];
      return immutable ? [{ one, immutable }] : [];
    });
    expect(fixed.length).toBeGreaterThan(4);
    for (const { one, immutable } of fixed) {
      const next = now.get(nameOf(one));
      expect([nameOf(one), next && immutable(next)]).toEqual([nameOf(one), immutable(one)]);
    }
  });

  test('a new version of the chart replaces no pod that it does not change', () => {
    for (const workload of render({ redis: { mode: 'bundled' } }).filter(({ spec }) => spec?.template)) {
      expect(JSON.stringify(workload.spec)).not.toContain('helm.sh/chart');
    }
  });

  test('there is something to go over to', () => {
    const old = render({}, 'llm', PREVIOUS).map(nameOf);
    expect(render().map(nameOf).sort()).toEqual(old.sort());
    const now = render({ deltaStore: { enabled: true } }).map(nameOf);
    expect(now.filter((name) => !old.includes(name)).sort()).toEqual([
      'Deployment one-zen-delta-store',
      'NetworkPolicy one-zen-delta-store',
      'PersistentVolumeClaim one-zen-deltas',
      'PodDisruptionBudget one-zen-delta-store',
      'Secret one-zen-delta-master-key',
      'Secret one-zen-service-key',
      'Service one-zen-delta-store',
      'ServiceAccount one-zen-delta-store',
    ]);
  });
});
