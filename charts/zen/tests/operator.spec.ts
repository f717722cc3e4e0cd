import { settings as expertSettings } from '../../../services/expert/src/config';
import { settings as routerSettings } from '../../../services/expert-router/src/config';
import { type Blueprint, readBlueprint } from '../../../services/operator/src/desired/blueprint';
import { modelObjects } from '../../../services/operator/src/desired/model-objects';
import { poolObjects } from '../../../services/operator/src/desired/pool-objects';
import { model, pool } from '../../../services/operator/src/resource/resources.fixture';
import { settings as thinkerSettings } from '../../../services/thinker/src/config';
import { problems } from './kubernetes-schema';
import { describeWith, envOf, find, type KubeObject, render } from './render';

const on = (values: object = {}) => render({ operator: { enabled: true }, models: [], ...values });
const blueprintOf = (objects: KubeObject[]): Blueprint =>
  readBlueprint(find(objects, 'ConfigMap', 'one-zen-blueprint').data['blueprint.json']);
const WISH = { source: { address: 'http://l:8080/a' }, replicas: 2, routers: 1, settleSeconds: 5 };

/** What the operator makes of the chart's blueprint. */
function made(objects: KubeObject[]): KubeObject[] {
  const blueprint = blueprintOf(objects);
  return [
    ...modelObjects(model('a'), 1, 'x', blueprint),
    ...poolObjects(pool('x'), WISH, blueprint),
  ] as KubeObject[];
}

describeWith(['helm'], 'the operator', () => {
  test('is not there unless it is asked for, and neither are resource definitions', () => {
    const objects = render();
    expect(objects.filter(({ kind }) => kind === 'CustomResourceDefinition')).toEqual([]);
    expect(JSON.stringify(objects)).not.toMatch(/operator|zenmodels/);
  });

  test("makes objects that pass Kubernetes' schema, from the chart's blueprint", () => {
    const objects = made(on());
    expect(objects.length).toBeGreaterThanOrEqual(11);
    expect(objects.flatMap(problems)).toEqual([]);
  });

  test('sets only variables that the services know', () => {
    const objects = made(on());
    for (const [kind, name, settings] of [
      ['Deployment', 'a-thinker', thinkerSettings],
      ['StatefulSet', 'x-expert', expertSettings],
      ['Deployment', 'x-expert-router', routerSettings],
    ] as const) {
      const names: string[] = Object.values(settings).map(({ env }) => env);
      const env = Object.keys(envOf(find(objects, kind, name)));
      expect([name, env.filter((one) => !names.includes(one))]).toEqual([name, []]);
    }
  });

  test('makes pods as the chart does: image, security, probes, time to stop', () => {
    const objects = made(on({ image: { registry: 'r.org', tag: 't' }, logLevel: 'debug' }));
    for (const [kind, name, image, port] of [
      ['Deployment', 'a-thinker', 'thinker', 50051],
      ['StatefulSet', 'x-expert', 'expert', 50071],
      ['Deployment', 'x-expert-router', 'expert-router', 50081],
    ] as const) {
      const { spec } = find(objects, kind, name).spec.template;
      const [container] = spec.containers;
      expect(container.image).toBe(`r.org/zen/${image}:t`);
      expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
      expect(container.readinessProbe.grpc.port).toBe(port);
      expect(container.livenessProbe.grpc).toEqual({ port, service: 'live' });
      expect(spec.securityContext.runAsNonRoot).toBe(true);
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(5);
      expect(envOf(find(objects, kind, name))).toMatchObject({ ZEN_LOG_LEVEL: 'debug' });
      // Only the router asks the API server.
      expect(spec.automountServiceAccountToken).toBe(name === 'x-expert-router');
    }
  });

  test.each([
    ['one way', false],
    ['mutual', true],
  ])('makes pods that know each other by certificates, %s', (_, mutual) => {
    const all = on({ tls: { ...CERT_MANAGER, mutual } });
    const objects = made(all);
    expect(objects.flatMap(problems)).toEqual([]);
    const container = (kind: string, name: string) =>
      find(objects, kind, name).spec.template.spec.containers[0];
    for (const [kind, name, settings, port, component, calls] of [
      ['Deployment', 'a-thinker', thinkerSettings, 50051, 'thinker', true],
      ['StatefulSet', 'x-expert', expertSettings, 50071, 'expert', false],
      ['Deployment', 'x-expert-router', routerSettings, 50081, 'expert-router', true],
    ] as const) {
      const workload = find(objects, kind, name);
      const env = envOf(workload);
      expect(env).toMatchObject({
        ZEN_HEALTH_LISTEN: '0.0.0.0:50052',
        ZEN_TLS_CERT: '/etc/zen/tls/tls.crt',
        ZEN_TLS_KEY: '/etc/zen/tls/tls.key',
      });
      // Who calls nobody and asks nobody for a certificate needs no authority.
      expect([name, env.ZEN_TLS_CA]).toEqual([name, mutual || calls ? '/etc/zen/tls/ca.crt' : undefined]);
      expect([name, env.ZEN_TLS_CLIENTS]).toEqual([name, mutual ? 'require' : undefined]);
      const known: string[] = Object.values(settings).map((one) => one.env);
      expect([name, Object.keys(env).filter((one) => !known.includes(one))]).toEqual([name, []]);

      const { ports, startupProbe, livenessProbe, readinessProbe, volumeMounts } = container(kind, name);
      expect(ports.map((one: { containerPort: number }) => one.containerPort)).toEqual([port, 9090, 50052]);
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) expect(probe.grpc.port).toBe(50052);
      expect(volumeMounts).toContainEqual({ name: 'tls', mountPath: '/etc/zen/tls', readOnly: true });
      const { secretName } = find(all, 'Certificate', `one-zen-${component}`).spec;
      expect(workload.spec.template.spec.volumes).toContainEqual({ name: 'tls', secret: { secretName } });
      // Health in the clear is for kubelets alone.
      const service = find(objects, 'Service', name);
      expect(service.spec.ports.map((one: { port: number }) => one.port)).toEqual([port, 9090]);
    }
  });

  test('makes clients expect the names that certificates bear, and lets them show theirs', () => {
    const all = on({ tls: { ...CERT_MANAGER, mutual: true } });
    const objects = made(all);
    const certificate = (component: string) => find(all, 'Certificate', `one-zen-${component}`).spec;
    const thinker = envOf(find(objects, 'Deployment', 'a-thinker'));
    const router = envOf(find(objects, 'Deployment', 'x-expert-router'));
    expect(certificate('expert')).toMatchObject({
      dnsNames: [thinker.ZEN_EXPERT_SERVER_NAME],
      usages: ['server auth'],
    });
    expect(router.ZEN_TLS_SERVER_NAME).toBe(thinker.ZEN_EXPERT_SERVER_NAME);
    expect(certificate('expert-router')).toMatchObject({
      dnsNames: [thinker.ZEN_EXPERT_ROUTER_SERVER_NAME],
      usages: ['server auth', 'client auth'],
    });
    expect(certificate('thinker').usages).toEqual(['server auth', 'client auth']);
    const gateway = envOf(find(all, 'Deployment', 'one-zen-gateway'));
    expect(certificate('thinker').dnsNames).toEqual([gateway.ZEN_TLS_SERVER_NAME]);
  });

  test('opens each edge between thinkers, router and experts at both ends', () => {
    const all = on();
    const policies = [...all, ...made(all)].filter(({ kind }) => kind === 'NetworkPolicy');
    const edges = (side: 'ingress' | 'egress', peers: 'from' | 'to') =>
      policies.flatMap(({ spec }) =>
        (spec[side] ?? []).flatMap((rule: Rule) =>
          (rule[peers] ?? []).flatMap(({ podSelector }) => {
            const own = component(spec.podSelector.matchLabels);
            const other = component(podSelector?.matchLabels);
            if (!own || !other) return [];
            const way = side === 'egress' ? `${own}>${other}` : `${other}>${own}`;
            return rule.ports.map(({ port }) => `${way}:${port}`);
          }),
        ),
      );
    const out = new Set(edges('egress', 'to').filter((edge) => !edge.startsWith('test>')));
    expect(out).toEqual(
      new Set([
        'gateway>thinker:50051',
        'thinker>expert-router:50081',
        'thinker>expert:50071',
        'expert-router>expert:50071',
      ]),
    );
    expect(new Set(edges('ingress', 'from'))).toEqual(out);
  });

  test('gives gateways the models to follow, and the rights for it alone', () => {
    const objects = on();
    expect(envOf(find(objects, 'Deployment', 'one-zen-gateway')).ZEN_THINKERS).toBe('zenmodels://');
    const { rules } = find(objects, 'Role', 'one-zen-gateway');
    expect(rules).toContainEqual({
      apiGroups: ['zen.hanzo.ai'],
      resources: ['zenmodels/scale', 'zenmodels/status'],
      verbs: ['patch'],
    });
    expect(find(render(), 'Role', 'one-zen-gateway').rules).toHaveLength(1);
  });

  test('may not read secrets, give rights, or reach beyond its namespace', () => {
    const objects = on();
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
    const { rules } = find(objects, 'Role', 'one-zen-operator');
    const resources = rules.flatMap((rule: { resources: string[] }) => rule.resources);
    for (const forbidden of ['secrets', 'roles', 'rolebindings', 'pods/exec', 'serviceaccounts', '*'])
      expect(resources).not.toContain(forbidden);
    expect(rules.flatMap((rule: { verbs: string[] }) => rule.verbs)).not.toContain('*');
  });

  test('is restarted by a new blueprint, and by nothing else', () => {
    const checksum = (values: object) =>
      find(on(values), 'Deployment', 'one-zen-operator').spec.template.metadata.annotations['zen/checksum'];
    expect(checksum({ gateway: { replicas: 3 } })).toBe(checksum({}));
    expect(checksum({ expert: { threads: 3 } })).not.toBe(checksum({}));
    expect(JSON.stringify(blueprintOf(on()))).not.toContain('helm.sh/chart');
  });

  test('has definitions that outlive the release, unless another one installs them', () => {
    const crds = on().filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds.map(({ metadata }) => metadata.name)).toEqual([
      'expertpools.zen.hanzo.ai',
      'zenmodels.zen.hanzo.ai',
    ]);
    for (const { metadata, spec } of crds) {
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
      const [version] = spec.versions.filter(({ storage }: { storage: boolean }) => storage);
      expect(version).toMatchObject({ name: 'v1alpha1', served: true });
      expect(version.subresources.scale.labelSelectorPath).toBe('.status.selector');
    }
    const without = render({ operator: { enabled: true, crds: false } });
    expect(without.filter(({ kind }) => kind === 'CustomResourceDefinition')).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['DNS', { gateway: { discovery: { mode: 'dns' } } }, 'gateway.discovery.mode must be kubernetes'],
    [
      'a claim for each model',
      { thinker: { cache: { type: 'claim' } } },
      'thinker.cache.type: claim makes one',
    ],
  ])('is refused with %s', (_, values, message) => expect(() => on(values)).toThrow(message));
});

const CERT_MANAGER = { mode: 'certManager', issuer: { name: 'ca' } };

interface Rule {
  from?: { podSelector?: { matchLabels: Record<string, string> } }[];
  to?: { podSelector?: { matchLabels: Record<string, string> } }[];
  ports: { port: number }[];
}
const component = (labels: Record<string, string> | undefined) => labels?.['app.kubernetes.io/component'];
