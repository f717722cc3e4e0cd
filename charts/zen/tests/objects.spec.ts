import { settings as storeSettings } from '../../../services/delta-store/src/config';
import { settings as gatewaySettings } from '../../../services/gateway/src/config';
import { settings as operatorSettings } from '../../../services/operator/src/config';
import { settings as talkerSettings } from '../../../services/talker/src/config';
import { settings as thinkerSettings } from '../../../services/thinker/src/config';
import { describeWith, envOf, find, type KubeObject, MODEL, render, scenarios } from './render';

const workloads = (objects: KubeObject[]) =>
  objects.filter((one) => ['Deployment', 'StatefulSet'].includes(one.kind));
const podOf = (workload: KubeObject) => workload.spec.template.spec;

/** What a test may leave out of the names that --help lists: read by libraries, not by the service. */
const OTHERS = ['DOCKER_CONFIG', 'TMPDIR'];

describeWith(['helm'], 'workloads', () => {
  test.each(scenarios)('%s sets only variables that the services know', (_, values) => {
    const known = {
      gateway: [...Object.values(gatewaySettings).map(({ env }) => env), ...OTHERS],
      'delta-store': [...Object.values(storeSettings).map(({ env }) => env), ...OTHERS],
      operator: [...Object.values(operatorSettings).map(({ env }) => env), ...OTHERS],
      talker: [...Object.values(talkerSettings).map(({ env }) => env), ...OTHERS],
      thinker: [...Object.values(thinkerSettings).map(({ env }) => env), ...OTHERS],
    };
    const deployments = render(values).filter((one) => one.kind === 'Deployment');
    expect(deployments.length).toBeGreaterThanOrEqual(2);
    for (const deployment of deployments) {
      const component = deployment.metadata.labels?.['app.kubernetes.io/component'] as keyof typeof known;
      const unknown = Object.keys(envOf(deployment)).filter((name) => !known[component].includes(name));
      expect([deployment.metadata.name, unknown]).toEqual([deployment.metadata.name, []]);
    }
  });

  test.each(scenarios)('%s runs every container without rights', (_, values) => {
    const objects = render(values);
    const pods = [
      ...workloads(objects).map(podOf),
      ...objects.filter((one) => one.kind === 'Pod').map((one) => one.spec),
    ];
    for (const pod of pods) {
      expect(pod.automountServiceAccountToken).toBe(
        pod.serviceAccountName === 'one-zen-operator' ||
          (pod.serviceAccountName === 'one-zen-gateway' && mounts(pod)),
      );
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          privileged: false,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.requests).toHaveProperty('memory');
        expect(container.resources.limits).toHaveProperty('memory');
      }
    }
    function mounts(pod: { containers: { env: { name: string; value: string }[] }[] }): boolean {
      const env = pod.containers[0]?.env.find(({ name }) => name === 'ZEN_THINKERS');
      return /kubernetes:\/\/|zenmodels:\/\//.test(env?.value ?? '');
    }
  });

  test('grace is settle, drain and five seconds', () => {
    const objects = render({
      gateway: { settleSeconds: 7, graceSeconds: 100 },
      thinker: { graceSeconds: 0 },
    });
    const gateway = find(objects, 'Deployment', 'one-zen-gateway');
    expect(podOf(gateway).terminationGracePeriodSeconds).toBe(112);
    expect(envOf(gateway)).toMatchObject({ ZEN_SETTLE: '7s', ZEN_GRACE: '100s' });
    expect(podOf(find(objects, 'Deployment', 'one-zen-thinker-smollm2')).terminationGracePeriodSeconds).toBe(
      10,
    );
  });

  test('a pod that loads is alive and not ready', () => {
    const probes = (objects: KubeObject[]) => {
      const [container] = podOf(find(objects, 'Deployment', 'one-zen-thinker-smollm2')).containers;
      return [container.startupProbe.grpc, container.livenessProbe.grpc, container.readinessProbe.grpc];
    };
    const plain = [{ port: 50051, service: 'live' }, { port: 50051, service: 'live' }, { port: 50051 }];
    expect(probes(render())).toEqual(plain);
    const tls = { mode: 'secret', secrets: { thinker: 't', gateway: 'g' } };
    expect(probes(render({ tls }))).toEqual(plain.map((probe) => ({ ...probe, port: 50052 })));
  });

  test('each model is a workload of its own, with its own settings over those of all', () => {
    const objects = render({
      thinker: { threads: 3, nodeSelector: { pool: 'cpu' } },
      models: [MODEL, { ...MODEL, name: 'other', threads: 8, kvBytes: '1GiB', replicas: 2 }],
    });
    const one = find(objects, 'Deployment', 'one-zen-thinker-smollm2');
    const other = find(objects, 'Deployment', 'one-zen-thinker-other');
    expect([one.spec.replicas, other.spec.replicas]).toEqual([1, 2]);
    expect(envOf(one)).toMatchObject({ ZEN_THREADS: '3', ZEN_KV_BYTES: '512MiB' });
    expect(envOf(other)).toMatchObject({ ZEN_THREADS: '8', ZEN_KV_BYTES: '1GiB' });
    expect(podOf(other).nodeSelector).toEqual({ pool: 'cpu' });
    expect(envOf(find(objects, 'Deployment', 'one-zen-gateway')).ZEN_THINKERS).toBe(
      'kubernetes:///one-zen-thinker-smollm2:grpc,kubernetes:///one-zen-thinker-other:grpc',
    );
    for (const name of ['smollm2', 'other']) {
      const service = find(objects, 'Service', `one-zen-thinker-${name}`);
      expect(service.spec.clusterIP).toBe('None');
      expect(service.spec.selector).toEqual(
        find(objects, 'Deployment', `one-zen-thinker-${name}`).spec.selector.matchLabels,
      );
    }
  });

  test('without Kubernetes discovery the gateway has no rights', () => {
    const objects = render({ gateway: { discovery: { mode: 'dns' } } });
    expect(objects.filter((one) => one.kind.startsWith('Role'))).toEqual([]);
    expect(envOf(find(objects, 'Deployment', 'one-zen-gateway')).ZEN_THINKERS).toBe(
      'one-zen-thinker-smollm2.llm:50051',
    );
    expect(find(render(), 'Role', 'one-zen-gateway').rules).toEqual([
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    ]);
  });

  test.each([
    ['emptyDir', {}, { emptyDir: { sizeLimit: '4Gi' } }],
    ['hostPath', { hostPath: '/data/zen' }, { hostPath: { path: '/data/zen', type: 'DirectoryOrCreate' } }],
    ['claim', {}, { persistentVolumeClaim: { claimName: 'one-zen-thinker-smollm2-cache' } }],
    ['claim', { existingClaim: 'mine' }, { persistentVolumeClaim: { claimName: 'mine' } }],
    [
      'ephemeral',
      { storageClass: 'fast', size: '9Gi' },
      {
        ephemeral: {
          volumeClaimTemplate: {
            spec: {
              accessModes: ['ReadWriteOnce'],
              storageClassName: 'fast',
              resources: { requests: { storage: '9Gi' } },
            },
          },
        },
      },
    ],
  ])('the cache may be %s %j', (type, more, volume) => {
    const objects = render({ thinker: { cache: { type, ...more } } });
    const [cache] = podOf(find(objects, 'Deployment', 'one-zen-thinker-smollm2')).volumes;
    expect(cache).toEqual({ name: 'cache', ...volume });
    const claims = objects.filter((one) => one.kind === 'PersistentVolumeClaim');
    expect(claims).toHaveLength(type === 'claim' && !('existingClaim' in more) ? 1 : 0);
  });

  test.each([
    [
      { image: 'r.example.org/l:1', path: 'a/b' },
      '/ladder/a/b',
      { image: { reference: 'r.example.org/l:1', pullPolicy: 'IfNotPresent' } },
    ],
    [{ hostPath: '/srv/l' }, '/ladder', { hostPath: { path: '/srv/l', type: 'Directory' } }],
    [{ claim: 'c' }, '/ladder', { persistentVolumeClaim: { claimName: 'c', readOnly: true } }],
  ])('a ladder may be in the volume %j', (source, ladder, volume) => {
    const thinker = find(render({ models: [{ ...MODEL, source }] }), 'Deployment', 'one-zen-thinker-smollm2');
    expect(envOf(thinker).ZEN_LADDER).toBe(ladder);
    expect(podOf(thinker).volumes[1]).toEqual({ name: 'ladder', ...volume });
    expect(podOf(thinker).containers[0].volumeMounts).toContainEqual({
      name: 'ladder',
      mountPath: '/ladder',
      readOnly: true,
    });
  });

  test('the delta-store keeps deltas in a claim, or in a bucket', () => {
    const storeOf = (deltaStore: object) =>
      find(render({ deltaStore: { enabled: true, ...deltaStore } }), 'Deployment', 'one-zen-delta-store');
    const volumes = (store: KubeObject) => podOf(store).volumes.map(({ name }: { name: string }) => name);
    const claim = storeOf({});
    expect(envOf(claim).ZEN_DELTA_STORAGE).toBe('/deltas');
    expect(podOf(claim).volumes).toContainEqual({
      name: 'deltas',
      persistentVolumeClaim: { claimName: 'one-zen-deltas' },
    });
    // Two pods must not wait for one claim.
    expect(claim.spec.strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 });
    const mine = storeOf({ storage: { existingClaim: 'mine' } });
    expect(podOf(mine).volumes).toContainEqual({
      name: 'deltas',
      persistentVolumeClaim: { claimName: 'mine' },
    });
    const bucket = storeOf({ storage: { type: 's3', address: 's3://b/p', credentialsSecret: 'c' } });
    expect(envOf(bucket).ZEN_DELTA_STORAGE).toBe('s3://b/p');
    expect(podOf(bucket).containers[0].envFrom).toEqual([{ secretRef: { name: 'c' } }]);
    expect(volumes(bucket)).not.toContain('deltas');
  });

  test('a delta-store that builds has its bases, room, and the Redis of all', () => {
    const bases = [
      { name: 'a', claim: 'ladders', path: 'a/full' },
      { name: 'b', hostPath: '/srv/b' },
      { name: 'c', image: 'r.example.org/c:1' },
    ];
    const values = { deltaStore: { enabled: true, builds: { bases } }, redis: { mode: 'bundled' } };
    const store = find(render(values), 'Deployment', 'one-zen-delta-store');
    expect(envOf(store)).toMatchObject({
      ZEN_DELTA_BASES: 'a=/bases/a/a/full,b=/bases/b,c=/bases/c',
      TMPDIR: '/scratch',
      ZEN_REDIS: 'redis://one-zen-redis:6379',
    });
    expect(podOf(store).volumes).toEqual(
      expect.arrayContaining([
        { name: 'scratch', emptyDir: { sizeLimit: '8Gi' } },
        { name: 'base-a', persistentVolumeClaim: { claimName: 'ladders', readOnly: true } },
        { name: 'base-b', hostPath: { path: '/srv/b', type: 'Directory' } },
        { name: 'base-c', image: { reference: 'r.example.org/c:1', pullPolicy: 'IfNotPresent' } },
      ]),
    );
    const none = find(
      render({ ...values, deltaStore: { enabled: true } }),
      'Deployment',
      'one-zen-delta-store',
    );
    for (const name of ['ZEN_DELTA_BASES', 'ZEN_REDIS', 'TMPDIR'])
      expect(envOf(none)).not.toHaveProperty(name);
  });

  test('talkers keep their voices where they are told to, and gateways find them', () => {
    const objects = render({
      talker: {
        enabled: true,
        voices: ['heart', 'joe'],
        threads: 3,
        maxSpeaking: 5,
        ears: 'none',
        maxListening: 7,
      },
    });
    const talker = find(objects, 'Deployment', 'one-zen-talker');
    expect(envOf(talker)).toMatchObject({
      ZEN_LISTEN: '0.0.0.0:50091',
      ZEN_HOME: '/cache',
      ZEN_TALKER_VOICES: 'heart,joe',
      ZEN_TALKER_THREADS: '3',
      ZEN_TALKER_MAX_SPEAKING: '5',
      ZEN_TALKER_EARS: 'none',
      ZEN_TALKER_MAX_LISTENING: '7',
    });
    expect(podOf(talker).containers[0].readinessProbe.grpc.port).toBe(50091);
    expect(podOf(talker).volumes).toContainEqual({ name: 'cache', emptyDir: { sizeLimit: '1Gi' } });
    const { spec } = find(objects, 'Service', 'one-zen-talker');
    expect(spec).toMatchObject({
      clusterIP: 'None',
      ports: [{ name: 'grpc', port: 50091 }, { name: 'metrics' }],
    });
    const gateway = (values: object) => envOf(find(render(values), 'Deployment', 'one-zen-gateway'));
    expect(gateway({ talker: { enabled: true } }).ZEN_TALKERS).toBe('kubernetes:///one-zen-talker:grpc');
    const dns = { talker: { enabled: true }, gateway: { discovery: { mode: 'dns' } } };
    expect(gateway(dns).ZEN_TALKERS).toBe('one-zen-talker.llm:50091');
    expect(gateway({})).not.toHaveProperty('ZEN_TALKERS');
    const cacheOf = (cache: object) =>
      podOf(find(render({ talker: { enabled: true, cache } }), 'Deployment', 'one-zen-talker')).volumes[0];
    expect(cacheOf({ type: 'hostPath', hostPath: '/srv/zen' })).toEqual({
      name: 'cache',
      hostPath: { path: '/srv/zen', type: 'DirectoryOrCreate' },
    });
    expect(cacheOf({ type: 'claim', existingClaim: 'mine' })).toEqual({
      name: 'cache',
      persistentVolumeClaim: { claimName: 'mine' },
    });
    expect(cacheOf({ type: 'ephemeral' }).ephemeral.volumeClaimTemplate.spec.resources).toEqual({
      requests: { storage: '1Gi' },
    });
    expect(() => cacheOf({ type: 'claim' })).toThrow('talker.cache.existingClaim: name the claim');
  });

  test('gateways and thinkers use it when it is there', () => {
    const objects = render({
      deltaStore: { enabled: true },
      models: [{ ...MODEL, deltas: { slots: 9, denseSlots: 2 } }],
    });
    const address = find(objects, 'Service', 'one-zen-delta-store');
    expect(address.spec.ports[0]).toMatchObject({ name: 'grpc', port: 50061 });
    expect(envOf(find(objects, 'Deployment', 'one-zen-gateway'))).toMatchObject({
      ZEN_DELTA_STORE: 'one-zen-delta-store:50061',
    });
    expect(envOf(find(objects, 'Deployment', 'one-zen-thinker-smollm2'))).toMatchObject({
      ZEN_DELTA_STORE: 'one-zen-delta-store:50061',
      ZEN_DELTA_SLOTS: '9',
      ZEN_DELTA_SLOT_BYTES: '128KiB',
      ZEN_DENSE_SLOTS: '2',
      ZEN_DELTA_HOST_BYTES: '64MiB',
      ZEN_DELTA_DISK_BYTES: '512MiB',
    });
  });

  test('an autoscaler owns the number of pods', () => {
    const objects = render({
      gateway: { autoscaling: { enabled: true } },
      models: [{ ...MODEL, autoscaling: { enabled: true, podMetrics: [{ name: 'm', averageValue: 4 }] } }],
    });
    for (const name of ['one-zen-gateway', 'one-zen-thinker-smollm2']) {
      expect(find(objects, 'Deployment', name).spec).not.toHaveProperty('replicas');
      expect(find(objects, 'HorizontalPodAutoscaler', name).spec.scaleTargetRef.name).toBe(name);
    }
    const { metrics } = find(objects, 'HorizontalPodAutoscaler', 'one-zen-thinker-smollm2').spec;
    expect(metrics[1].pods.target).toEqual({ type: 'AverageValue', averageValue: '4' });
  });

  test.each([
    ['nothing set', {}, 'zen/gateway:0.1.0', 'docker.io/library/redis:7.2-alpine'],
    [
      'a registry',
      { image: { registry: 'r.org', tag: 'x' } },
      'r.org/zen/gateway:x',
      'docker.io/library/redis:7.2-alpine',
    ],
    [
      'a mirror',
      { global: { imageRegistry: 'm:5000' }, image: { registry: 'r.org' } },
      'm:5000/zen/gateway:0.1.0',
      'm:5000/library/redis:7.2-alpine',
    ],
  ])('images with %s', (_, values, gateway, redis) => {
    const objects = render({ redis: { mode: 'bundled' }, ...values });
    expect(podOf(find(objects, 'Deployment', 'one-zen-gateway')).containers[0].image).toBe(gateway);
    expect(podOf(find(objects, 'StatefulSet', 'one-zen-redis')).containers[0].image).toBe(redis);
    expect(find(objects, 'Pod', 'one-zen-test').spec.containers[0].image).toBe(gateway);
  });

  test('a digest pins an image', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const gateway = find(render({ gateway: { image: { digest } } }), 'Deployment', 'one-zen-gateway');
    expect(podOf(gateway).containers[0].image).toBe(`zen/gateway@${digest}`);
  });
});
