import { TestNamespace } from './namespace';
import { fetchFrom, toolboxPod } from './toolbox';
import { until } from './until';

// What every later test takes for granted of a cluster.
describe('the cluster', () => {
  let space: TestNamespace;
  beforeAll(async () => {
    space = await TestNamespace.create('healthy');
    await space.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await toolboxPod(space, 'web', { command: 'echo hello > /tmp/index.html; httpd -f -p 8080 -h /tmp' });
    await toolboxPod(space, 'friend', { labels: { friend: 'yes' } });
    await toolboxPod(space, 'stranger');
  });
  afterAll(() => space.remove());

  it('resolves a Service by name in a pod, and reaches it', () =>
    space.guard('dns', async () => {
      await until(
        'web answers',
        async () => (await fetchFrom(space, 'stranger', 'http://web/')) === 'hello\n',
      );
      const { stdout } = await space.exec('stranger', [
        'nslookup',
        `web.${space.namespace}.svc.cluster.local`,
      ]);
      const { spec } = await space.get('service', 'web');
      expect(stdout).toContain(spec.clusterIP);
    }));

  it('enforces NetworkPolicies: who is allowed gets through, another does not', () =>
    space.guard('network policy', async () => {
      await space.apply({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'web' },
        spec: {
          podSelector: { matchLabels: { app: 'web' } },
          policyTypes: ['Ingress'],
          ingress: [{ from: [{ podSelector: { matchLabels: { friend: 'yes' } } }] }],
        },
      });
      await until(
        'the stranger is kept out',
        async () => (await fetchFrom(space, 'stranger', 'http://web/')) === null,
      );
      await until(
        'the friend gets in',
        async () => (await fetchFrom(space, 'friend', 'http://web/')) === 'hello\n',
      );
      expect(await fetchFrom(space, 'stranger', 'http://web/')).toBeNull();
      await space.kubectl(['delete', 'networkpolicy', 'web']);
      await until(
        'everybody again',
        async () => (await fetchFrom(space, 'stranger', 'http://web/')) === 'hello\n',
      );
    }));

  it('measures what pods use', () =>
    space.guard('metrics', async () => {
      const usage = await until('metrics of the pod', async () => {
        const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${space.namespace}/pods/web`;
        return JSON.parse(await space.kubectl(['get', '--raw', path])).containers?.[0]?.usage;
      });
      expect(usage.memory).toMatch(/^[1-9]\d*Ki$/);
    }));

  it('binds a claim of the default storage class, and keeps what was written', () =>
    space.guard('claim', async () => {
      await space.apply({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
      });
      const withClaim = {
        container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
        pod: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
      };
      await toolboxPod(space, 'writer', { ...withClaim, command: 'echo kept > /data/file; sleep 86400' });
      await until(
        'the file is written',
        async () => (await space.exec('writer', ['cat', '/data/file'])).stdout,
      );
      await space.kubectl(['delete', 'pod', 'writer']);
      await toolboxPod(space, 'reader', withClaim);
      expect((await space.exec('reader', ['cat', '/data/file'])).stdout).toBe('kept\n');
    }));
});
