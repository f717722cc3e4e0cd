import { describeWith, find, type KubeObject, render, scenarios } from './render';

interface Rule {
  from?: { podSelector?: { matchLabels: Record<string, string> } }[];
  to?: { podSelector?: { matchLabels: Record<string, string> }; ipBlock?: { cidr: string } }[];
  ports: { port: number }[];
}
const policyOf = (objects: KubeObject[], component: string) =>
  find(objects, 'NetworkPolicy', `one-zen-${component}`);
const portsOf = (rules: Rule[]) => rules.flatMap(({ ports }) => ports.map(({ port }) => port)).sort();
const DNS = [53, 53, 5353, 5353];

/** Pods with these labels that rules let through, by component and port. */
function edges(rules: Rule[], side: 'from' | 'to'): string[] {
  return rules.flatMap((rule) =>
    (rule[side] ?? []).flatMap(({ podSelector }) =>
      podSelector
        ? rule.ports.map(({ port }) => `${podSelector.matchLabels['app.kubernetes.io/component']}:${port}`)
        : [],
    ),
  );
}

describeWith(['helm'], 'network policies', () => {
  test.each(scenarios)('%s denies by default, for every pod of the release', (_, values) => {
    const objects = render(values);
    const deny = policyOf(objects, 'default-deny').spec;
    expect(deny).toEqual({ podSelector: deny.podSelector, policyTypes: ['Ingress', 'Egress'] });
    const labels = Object.entries(deny.podSelector.matchLabels);
    expect(labels).toHaveLength(2);
    const pods = objects
      .filter((one) => ['Deployment', 'StatefulSet'].includes(one.kind))
      .map((one) => one.spec.template.metadata.labels)
      .concat(objects.filter((one) => one.kind === 'Pod').map((one) => one.metadata.labels));
    expect(pods.length).toBeGreaterThanOrEqual(3);
    for (const pod of pods) expect(Object.entries(pod)).toEqual(expect.arrayContaining(labels));
  });

  test.each(scenarios)('%s opens each edge of the service graph at both ends, and no other', (_, values) => {
    const policies = render(values).filter((one) => one.kind === 'NetworkPolicy');
    const component = (one: KubeObject): string =>
      one.spec.podSelector.matchLabels['app.kubernetes.io/component'] ?? '';
    const out = policies.flatMap((one) =>
      edges(one.spec.egress ?? [], 'to').map((edge) => `${component(one)}>${edge}`),
    );
    const into = policies.flatMap((one) =>
      edges(one.spec.ingress ?? [], 'from').map((edge) => {
        const [source, port] = edge.split(':');
        return `${source}>${component(one)}:${port}`;
      }),
    );
    const graph = [
      'gateway>thinker:50051',
      'gateway>talker:50091',
      'gateway>redis:6379',
      'gateway>delta-store:50061',
      'thinker>delta-store:50061',
      'delta-store>redis:6379',
      'test>gateway:8080',
      'test>gateway:50050',
    ];
    expect(graph).toEqual(expect.arrayContaining([...out, ...into]));
    expect(out).toContain('gateway>thinker:50051');
    expect(into).toContain('gateway>thinker:50051');
    // Where anybody may call the gateway, the test pod is not named there.
    const named = out.filter((edge) => !edge.startsWith('test>'));
    expect(into.filter((edge) => !edge.startsWith('test>')).sort()).toEqual(named.sort());
  });

  test('a thinker reaches name servers and the source of its ladder', () => {
    const egress = (address: string) =>
      portsOf(policyOf(render({ models: [{ name: 'a', source: { address } }] }), 'thinker').spec.egress);
    expect(egress('https://l.example.org/a')).toEqual([443, ...DNS]);
    expect(egress('http://l.example.org/a')).toEqual([443, ...DNS, 80]);
    expect(egress('oci://registry.example.org:5000/l/a:1')).toEqual([443, 5000, ...DNS]);
    expect(egress('s3://bucket/a')).toEqual([443, ...DNS]);
    const local = render({ models: [{ name: 'a', source: { claim: 'c' } }] });
    expect(portsOf(policyOf(local, 'thinker').spec.egress)).toEqual(DNS);
  });

  test('clients are everybody, until they are named', () => {
    const [anybody] = policyOf(render(), 'gateway').spec.ingress as Rule[];
    expect(anybody).toEqual({ ports: anybody?.ports });
    const peer = { namespaceSelector: { matchLabels: { team: 'chat' } } };
    const [named] = policyOf(render({ networkPolicy: { clients: [peer] } }), 'gateway').spec
      .ingress as Rule[];
    expect(named?.from?.[0]).toEqual(peer);
    expect(edges(named ? [named] : [], 'from')).toEqual(['test:8080', 'test:50050']);
  });

  test('the API server is reached by gateways that watch it, and by nobody else', () => {
    expect(portsOf(policyOf(render(), 'gateway').spec.egress)).toEqual([443, 50051, ...DNS, 6443].sort());
    const dns = render({ gateway: { discovery: { mode: 'dns' } } });
    expect(portsOf(policyOf(dns, 'gateway').spec.egress)).toEqual([50051, ...DNS].sort());
  });

  test('Redis answers gateways and calls nobody', () => {
    const { spec } = policyOf(render({ redis: { mode: 'bundled' } }), 'redis');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec).not.toHaveProperty('egress');
    expect(edges(spec.ingress, 'from')).toEqual(['gateway:6379']);
  });

  test('the delta-store answers gateways and thinkers, and calls its bucket alone', () => {
    const storage = { type: 's3', address: 's3://deltas' };
    const objects = render({
      deltaStore: { enabled: true, storage },
      networkPolicy: { bucketPorts: [9000] },
    });
    const { spec } = policyOf(objects, 'delta-store');
    expect(edges(spec.ingress, 'from').sort()).toEqual(['gateway:50061', 'thinker:50061']);
    expect(portsOf(spec.egress)).toEqual([...DNS, 9000].sort());
    expect(edges(spec.egress, 'to')).toEqual([]);
    const claim = policyOf(render({ deltaStore: { enabled: true } }), 'delta-store');
    expect(portsOf(claim.spec.egress)).toEqual(DNS);
  });

  test('talkers answer gateways alone, and call where voices come from, if anybody', () => {
    const { spec } = policyOf(render({ talker: { enabled: true } }), 'talker');
    expect(edges(spec.ingress, 'from')).toEqual(['gateway:50091']);
    expect(portsOf(spec.egress)).toEqual([443, ...DNS]);
    const kept = policyOf(render({ talker: { enabled: true, fetch: false } }), 'talker');
    expect(portsOf(kept.spec.egress)).toEqual(DNS);
  });

  test('they can be left to somebody else', () => {
    const objects = render({ networkPolicy: { enabled: false }, redis: { mode: 'bundled' } });
    expect(objects.filter((one) => one.kind === 'NetworkPolicy')).toEqual([]);
  });
});
