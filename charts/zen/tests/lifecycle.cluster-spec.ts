import { join } from 'node:path';
import { describeCluster, helmIn, kubectl, registry, smallValues, tag } from './cluster';
import { CHART, render, scenarios } from './render';

jest.setTimeout(600_000);

const PREVIOUS = join(__dirname, 'fixtures', 'zen-0.2.0.tgz');
const NAMESPACE = `chart-${process.pid}`;
const WAIT = ['--wait', '--timeout', '5m'];
const inNamespace = (...args: string[]) => ['--namespace', NAMESPACE, ...args];

describeCluster('the API server', () => {
  const kinds = () =>
    new Set(
      kubectl(['api-resources', '--no-headers'])
        .split('\n')
        .map((line) => line.trim().split(/\s+/).at(-1)),
    );

  test.each(scenarios)('takes every object of %s, field by field', (_, values) => {
    const known = kinds();
    const objects = render(values, 'default').filter((one) => known.has(one.kind));
    expect(objects.length).toBeGreaterThanOrEqual(10);
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const output = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], list);
    expect(output.trim().split('\n')).toHaveLength(objects.length);
  });
});

describeCluster('a release', () => {
  const helm = (...args: string[]) => helmIn(inNamespace(...args), smallValues);
  const secret = (name: string, key: string) =>
    kubectl(inNamespace('get', 'secret', name, '-o', `jsonpath={.data.${key}}`));
  const ofRelease = (kinds: string) =>
    kubectl(inNamespace('get', kinds, '-l', 'app.kubernetes.io/instance=zen', '-o', 'name'))
      .trim()
      .split('\n')
      .filter(Boolean);
  const answers = () => helm('test', 'zen', '--logs', '--timeout', '4m');
  let key: string;
  let resumeKey: string;

  beforeAll(() => kubectl(['create', 'namespace', NAMESPACE]));
  afterAll(() => kubectl(['delete', 'namespace', NAMESPACE, '--timeout=5m']));

  test('of the version before is installed and answers', () => {
    helm('install', 'zen', PREVIOUS, '--values', '-', ...WAIT);
    expect(answers()).toMatch(/answered at stage [0-4]/);
    key = secret('zen-api-keys', 'key');
    expect(Buffer.from(key, 'base64').toString()).toMatch(/^zen_/);
    resumeKey = secret('zen-resume-key', 'key');
  });

  test('is upgraded, keeps its key and answers', () => {
    helm('upgrade', 'zen', CHART, '--values', '-', ...WAIT);
    expect(secret('zen-api-keys', 'key')).toBe(key);
    expect(secret('zen-resume-key', 'key')).toBe(resumeKey);
    expect(answers()).toMatch(/answered at stage [0-4]/);
  });

  test('lets nobody but gateways reach a thinker', () => {
    const address = (component: string) =>
      kubectl(
        inNamespace(
          'get',
          'pod',
          '-l',
          `app.kubernetes.io/component=${component}`,
          '--field-selector=status.phase=Running',
          '-o',
          'jsonpath={.items[0].status.podIP}',
        ),
      );
    const script = `const { connect } = require('node:net');
      const reach = (host, port) => new Promise((resolve) => {
        const socket = connect({ host, port, timeout: 5000 }, () => resolve('open'));
        socket.on('timeout', () => resolve('closed')).on('error', () => resolve('closed'));
      });
      Promise.all([reach('${address('thinker')}', 50051), reach('${address('thinker')}', 9090),
        reach('${address('gateway')}', 8080)]).then((all) => { console.log(all.join()); process.exit(); });`;
    kubectl(
      inNamespace(
        'run',
        'outsider',
        '--restart=Never',
        `--image=${registry}/zen/gateway:${tag}`,
        '--command',
        '--',
        'node',
        '--eval',
        script,
      ),
    );
    kubectl(inNamespace('wait', 'pod/outsider', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=2m'));
    expect(kubectl(inNamespace('logs', 'outsider')).trim()).toBe('closed,closed,open');
    kubectl(inNamespace('delete', 'pod', 'outsider'));
  });

  test('is rolled back, keeps its key and answers', () => {
    helm('rollback', 'zen', '1', ...WAIT);
    expect(secret('zen-api-keys', 'key')).toBe(key);
    expect(secret('zen-resume-key', 'key')).toBe(resumeKey);
    expect(answers()).toMatch(/answered at stage [0-4]/);
  });

  test('leaves nothing when it is removed', () => {
    const namespaced = kubectl(['api-resources', '--namespaced', '--verbs=list', '-o', 'name']);
    // Neither events nor numbers of the metrics server are objects of ours.
    const kinds = namespaced
      .split('\n')
      .filter((kind) => kind !== '' && !/^events|metrics\.k8s\.io$/.test(kind))
      .join();
    expect(ofRelease(kinds).length).toBeGreaterThan(10);
    helm('uninstall', 'zen', ...WAIT);
    kubectl(
      inNamespace('wait', 'pod', '--for=delete', '-l', 'app.kubernetes.io/instance=zen', '--timeout=2m'),
    );
    expect(ofRelease(kinds)).toEqual([]);
    const left = kubectl(inNamespace('get', 'secret,configmap,pvc', '-o', 'name')).trim();
    expect(left).toBe('configmap/kube-root-ca.crt');
  });
});
