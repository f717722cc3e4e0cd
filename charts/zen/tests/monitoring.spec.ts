import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { DeltaStoreMetrics } from '../../../services/delta-store/src/delta-store-metrics';
import { GatewayMetrics } from '../../../services/gateway/src/observe/gateway-metrics';
import { SpeechMetrics } from '../../../services/gateway/src/speech/speech-metrics';
import { ListenMetrics } from '../../../services/talker/src/listening/listen-metrics';
import { TalkerMetrics } from '../../../services/talker/src/talker-metrics';
import { ThinkerMetrics } from '../../../services/thinker/src/thinker-metrics';
import { describeWith, find, type KubeObject, render, tools } from './render';

const ALERTS = join(__dirname, 'fixtures', 'alerts.yaml');
const EVERYTHING = {
  serviceMonitor: { enabled: true },
  rules: { enabled: true },
  dashboard: { enabled: true },
};

/** Metrics that the services register, with their labels. Values are never collected, so nothing is behind them. */
function registered(): Map<string, string[]> {
  const gateway = new GatewayMetrics({} as never, 0);
  gateway.reportRungs({} as never);
  gateway.reportQueue({} as never);
  gateway.limitsShared(true);
  gateway.limitsAmong(1);
  const thinker = new ThinkerMetrics({} as never);
  thinker.deltas.watch({} as never);
  new SpeechMetrics(gateway.registry, {} as never, performance.now);
  const talker = new TalkerMetrics({} as never, performance.now);
  new ListenMetrics(talker.registry, {} as never);
  const all = [
    ...gateway.registry.getMetricsAsArray(),
    ...thinker.registry.getMetricsAsArray(),
    ...talker.registry.getMetricsAsArray(),
    ...new DeltaStoreMetrics().registry.getMetricsAsArray(),
  ];
  return new Map(
    (all as unknown as { name: string; labelNames: string[] }[]).map(({ name, labelNames }) => [
      name,
      labelNames,
    ]),
  );
}

/** Labels that Prometheus adds, or that stand for a bucket. */
const ADDED = ['namespace', 'pod', 'le'];

/** What is wrong with the metrics and labels of an expression. */
function wrong(expr: string, metrics: Map<string, string[]>): string[] {
  const named = [...expr.matchAll(/\b(zen_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
  if (named.length === 0 && !expr.includes('zen:')) return [`${expr} names no metric`];
  const labels = new Set(ADDED);
  const problems: string[] = [];
  for (const [, name = '', selector = ''] of named) {
    const own = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (!own) {
      problems.push(`${name} is not registered`);
      continue;
    }
    for (const label of own) labels.add(label);
    for (const [, label = ''] of selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g))
      if (![...own, ...ADDED].includes(label)) problems.push(`${name} has no label ${label}`);
  }
  for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g))
    for (const label of list.split(',').map((one) => one.trim()))
      if (named.length > 0 && !labels.has(label)) problems.push(`by (${label}) in ${expr}`);
  return problems;
}

interface Rules {
  groups: { name: string; rules: { alert?: string; record?: string; expr: string }[] }[];
}
interface Panel {
  id: number;
  type: string;
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}

function promtool(args: string[], cwd: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(tools.promtool ?? '', args, { cwd, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describeWith(['helm'], 'monitoring', () => {
  let objects: KubeObject[];
  let rules: Rules;
  let panels: Panel[];
  beforeAll(() => {
    objects = render({ monitoring: EVERYTHING, deltaStore: { enabled: true }, talker: { enabled: true } });
    rules = find(objects, 'PrometheusRule', 'one-zen-rules').spec;
    panels = JSON.parse(find(objects, 'ConfigMap', 'one-zen-dashboard').data['zen.json']).panels;
  });

  test('rules and panels use metrics and labels that the services have', () => {
    const metrics = registered();
    expect(metrics.size).toBeGreaterThan(20);
    const expressions = [
      ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ];
    expect(expressions.length).toBeGreaterThan(30);
    expect(expressions.flatMap((expr) => wrong(expr, metrics))).toEqual([]);
    expect(
      wrong('sum by (shape) (rate(zen_gateway_requests_total{colour="x"}[5m])) + zen_gateway_cats', metrics),
    ).toEqual([
      'zen_gateway_requests_total has no label colour',
      'zen_gateway_cats is not registered',
      expect.stringContaining('by (shape)'),
    ]);
  });

  test('recorded names that rules use are recorded', () => {
    const all = rules.groups.flatMap((group) => group.rules);
    const used = all.flatMap(({ expr }) => expr.match(/zen:[a-z0-9_:]+/g) ?? []);
    expect(all.flatMap(({ record }) => record ?? [])).toEqual(expect.arrayContaining(used));
    expect(used.length).toBeGreaterThan(0);
  });

  test('every alert is tried both ways', () => {
    const { tests } = parse(readFileSync(ALERTS, 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const tried = tests.flatMap((one) => one.alert_rule_test);
    const names = (quiet: boolean) =>
      tried.filter(({ exp_alerts }) => (exp_alerts.length === 0) === quiet).map(({ alertname }) => alertname);
    const alerts = rules.groups.flatMap((group) => group.rules.flatMap(({ alert }) => alert ?? [])).sort();
    expect([...new Set(names(true))].sort()).toEqual(alerts);
    expect([...new Set(names(false))].sort()).toEqual(alerts);
  });

  test('panels have their own numbers, titles and data', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { type, title, targets } of panels) {
      expect(title).not.toBe('');
      if (type !== 'row') expect(targets?.length).toBeGreaterThan(0);
    }
  });

  test('monitors find the Services and their ports', () => {
    const services = objects.filter((one) => one.kind === 'Service');
    for (const [name, count] of [
      ['one-zen-gateway', 1],
      ['one-zen-thinker', 1],
      ['one-zen-delta-store', 1],
      ['one-zen-talker', 1],
    ] as const) {
      const { spec } = find(objects, 'ServiceMonitor', name);
      const matched = services.filter((service) =>
        Object.entries(spec.selector.matchLabels).every(
          ([key, value]) => service.metadata.labels?.[key] === value,
        ),
      );
      expect(matched).toHaveLength(count);
      const ports = matched[0]?.spec.ports.map((port: { name: string }) => port.name);
      expect(ports).toContain(spec.endpoints[0].port);
    }
  });

  test('nothing of it unless asked for', () => {
    const kinds = render().map(({ kind }) => kind);
    for (const kind of ['ServiceMonitor', 'PrometheusRule', 'ConfigMap']) expect(kinds).not.toContain(kind);
  });
});

describeWith(['helm', 'promtool'], 'promtool', () => {
  let folder: string;
  let objects: KubeObject[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zen-rules-'));
    objects = render({ monitoring: EVERYTHING, deltaStore: { enabled: true }, talker: { enabled: true } });
    writeFileSync(
      join(folder, 'rules.yaml'),
      stringify(find(objects, 'PrometheusRule', 'one-zen-rules').spec),
    );
    copyFileSync(ALERTS, join(folder, 'alerts.yaml'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('the rules are well formed', () => {
    const { status, output } = promtool(['check', 'rules', '--lint-fatal', 'rules.yaml'], folder);
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('27 rules found') });
  });

  test('alerts come when they should, and only then', () => {
    const { status, output } = promtool(['test', 'rules', 'alerts.yaml'], folder);
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('SUCCESS') });
  });

  test('panels ask in PromQL', () => {
    const { panels } = JSON.parse(find(objects, 'ConfigMap', 'one-zen-dashboard').data['zen.json']) as {
      panels: Panel[];
    };
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const asRules = asked.map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', 'llm'),
    }));
    writeFileSync(join(folder, 'panels.yaml'), stringify({ groups: [{ name: 'panels', rules: asRules }] }));
    const { status, output } = promtool(['check', 'rules', '--lint-fatal', 'panels.yaml'], folder);
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining(`${asked.length} rules found`),
    });
  });
});
