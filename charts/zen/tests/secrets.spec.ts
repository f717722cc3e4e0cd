import { createHash } from 'node:crypto';
import { parseKeys } from '../../../services/gateway/src/keys/key-entry';
import { CHART, describeWith, envOf, find, helm, type KubeObject, MODEL, render } from './render';

const decoded = (secret: KubeObject): Record<string, string> =>
  Object.fromEntries(
    Object.entries(secret.data as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  );
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const gatewayOf = (objects: KubeObject[]) => find(objects, 'Deployment', 'one-zen-gateway');
const volumeOf = (objects: KubeObject[], name: string) =>
  gatewayOf(objects).spec.template.spec.volumes.find((one: { name: string }) => one.name === name);

describeWith(['helm'], 'API keys', () => {
  test('one is made where none is given, and the gateway gets only its digest', () => {
    const objects = render();
    const { key = '', keys = '', ...others } = decoded(find(objects, 'Secret', 'one-zen-api-keys'));
    expect(others).toEqual({});
    expect(key).toMatch(/^zen_[A-Za-z0-9]{43}$/);
    expect(keys).not.toContain(key);
    const [entry] = parseKeys(keys, 'the Secret');
    expect(entry?.digest.toString('hex')).toBe(sha256(key));
    expect(entry?.tenant.name).toBe('default');
    expect(volumeOf(objects, 'keys').secret).toEqual({
      secretName: 'one-zen-api-keys',
      items: [{ key: 'keys', path: 'keys' }],
    });
    expect(envOf(gatewayOf(objects)).ZEN_API_KEYS).toBe('/etc/zen/keys');
  });

  test('the made key may publish and erase deltas, where there are any', () => {
    const rights = (values: object) =>
      parseKeys(decoded(find(render(values), 'Secret', 'one-zen-api-keys')).keys ?? '', 'the Secret').map(
        ({ tenant }) => tenant.deltas,
      );
    expect(rights({})).toEqual(['use']);
    expect(rights({ deltaStore: { enabled: true } })).toEqual(['admin']);
  });

  test('given lines are kept as they are', () => {
    const entries = [
      `sha256:${sha256('a')} tenant=a rpm=6`,
      `sha256:${sha256('b')} tenant=b priority=batch deltas=publish user-delta=users/{user}`,
    ];
    const objects = render({ gateway: { keys: { entries } } });
    const { keys = '', ...others } = decoded(find(objects, 'Secret', 'one-zen-api-keys'));
    expect(others).toEqual({});
    expect(parseKeys(keys, 'the Secret').map(({ tenant }) => tenant.name)).toEqual(['a', 'b']);
  });

  test('an existing Secret is mounted whole, and the chart makes none', () => {
    const objects = render({ gateway: { keys: { existingSecret: 'mine' } } });
    expect(objects.filter((one) => one.metadata.name === 'one-zen-api-keys')).toEqual([]);
    expect(volumeOf(objects, 'keys').secret).toEqual({ secretName: 'mine' });
  });

  test('nobody is let in by accident', () => {
    expect(() => render({ gateway: { keys: { generate: false } } })).toThrow(
      'gateway.keys: give existingSecret',
    );
    const open = gatewayOf(render({ gateway: { allowAnonymous: true } }));
    expect(envOf(open)).toMatchObject({ ZEN_ALLOW_ANONYMOUS: 'true' });
    expect(envOf(open)).not.toHaveProperty('ZEN_API_KEYS');
    const both = gatewayOf(render({ gateway: { allowAnonymous: true, keys: { existingSecret: 'mine' } } }));
    expect(envOf(both)).not.toHaveProperty('ZEN_ALLOW_ANONYMOUS');
  });

  test('notes name the Secret and print no key', () => {
    const { stdout } = helm(['install', 'one', CHART, '--dry-run=client', '--hide-secret', '--values', '-'], {
      models: [MODEL],
    });
    expect(stdout).toContain('get secret one-zen-api-keys');
    expect(stdout).toContain('helm -n default test one');
    expect(stdout).not.toMatch(/zen_[A-Za-z0-9]{43}/);
  });
});

describeWith(['helm'], 'resume tokens', () => {
  const keyOf = (objects: KubeObject[]) => envOf(gatewayOf(objects)).ZEN_RESUME_KEY;

  test('all gateways share one key', () => {
    const objects = render();
    expect(decoded(find(objects, 'Secret', 'one-zen-resume-key')).key).toMatch(/^[A-Za-z0-9]{43}$/);
    expect(keyOf(objects)).toEqual({
      valueFrom: { secretKeyRef: { name: 'one-zen-resume-key', key: 'key' } },
    });
  });

  test('it may be given, and the whole may be off', () => {
    const given = render({ gateway: { resume: { existingSecret: 'mine' } } });
    expect(given.filter((one) => one.metadata.name === 'one-zen-resume-key')).toEqual([]);
    expect(keyOf(given)).toEqual({ valueFrom: { secretKeyRef: { name: 'mine', key: 'key' } } });
    const off = render({ gateway: { resume: { enabled: false } } });
    expect(off.filter((one) => one.metadata.name === 'one-zen-resume-key')).toEqual([]);
    expect(envOf(gatewayOf(off))).toMatchObject({ ZEN_RESUME: 'off' });
    expect(keyOf(off)).toBeUndefined();
  });
});

describeWith(['helm'], 'Redis', () => {
  test('none unless asked for', () => {
    const objects = render();
    expect(objects.filter((one) => one.metadata.name.includes('redis'))).toEqual([]);
    expect(envOf(gatewayOf(objects))).not.toHaveProperty('ZEN_REDIS');
  });

  test('the bundled one knows the digest of the password that gateways have', () => {
    const objects = render({ redis: { mode: 'bundled' } });
    const { password = '', 'users.acl': users } = decoded(find(objects, 'Secret', 'one-zen-redis'));
    expect(password).toMatch(/^[A-Za-z0-9]{43}$/);
    expect(users).toBe(`user default on #${sha256(password)} ~* &* +@all\n`);
    const { volumes } = find(objects, 'StatefulSet', 'one-zen-redis').spec.template.spec;
    expect(volumes[0].secret.items).toEqual([{ key: 'users.acl', path: 'users.acl' }]);
    expect(envOf(gatewayOf(objects))).toMatchObject({
      ZEN_REDIS: 'redis://one-zen-redis:6379',
      ZEN_REDIS_PASSWORD: { valueFrom: { secretKeyRef: { name: 'one-zen-redis', key: 'password' } } },
    });
  });

  test('an external one with a password', () => {
    const external = { url: 'rediss://r.example.org', passwordSecret: 's', passwordKey: 'k' };
    expect(envOf(gatewayOf(render({ redis: { mode: 'external', external } })))).toMatchObject({
      ZEN_REDIS: 'rediss://r.example.org',
      ZEN_REDIS_PASSWORD: { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    });
    const signed = render({ redis: { mode: 'external', external: { ...external, caSecret: 'c' } } });
    expect(envOf(gatewayOf(signed)).ZEN_REDIS_CA).toBe('/etc/zen/redis/ca.crt');
    expect(volumeOf(signed, 'redis-ca').secret.secretName).toBe('c');
    expect(() => render({ redis: { mode: 'external' } })).toThrow('redis.external.url: give the address');
  });
});

describeWith(['helm'], 'the keys of deltas', () => {
  const on = { deltaStore: { enabled: true } };
  const secretOf = (workload: KubeObject, name: string) =>
    workload.spec.template.spec.volumes.find((one: { name: string }) => one.name === name)?.secret;

  test('none unless asked for', () => {
    const objects = render();
    expect(objects.filter((one) => /delta|service-key/.test(one.metadata.name))).toEqual([]);
    expect(Object.keys(envOf(gatewayOf(objects))).filter((name) => /DELTA|SERVICE/.test(name))).toEqual([]);
  });

  test('all three services share one key, and the master key is the store’s alone', () => {
    const objects = render(on);
    for (const name of ['one-zen-service-key', 'one-zen-delta-master-key']) {
      expect(decoded(find(objects, 'Secret', name)).key).toMatch(/^[A-Za-z0-9]{43}$/);
    }
    for (const name of ['one-zen-gateway', 'one-zen-thinker-smollm2', 'one-zen-delta-store']) {
      const workload = find(objects, 'Deployment', name);
      expect(envOf(workload).ZEN_SERVICE_KEY).toBe('/etc/zen/service/key');
      expect(secretOf(workload, 'service-key').secretName).toBe('one-zen-service-key');
      const master = name === 'one-zen-delta-store' ? 'one-zen-delta-master-key' : undefined;
      expect(secretOf(workload, 'master-key')?.secretName).toBe(master);
    }
  });

  test('what people’s deltas need stays when the release goes', () => {
    const kept = render(on).filter((one) => one.metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
    expect(kept.map(({ kind }) => kind).sort()).toEqual(['PersistentVolumeClaim', 'Secret']);
  });

  test('notes say that the master key is to be kept, and print none', () => {
    const notes = (masterKey: object) =>
      helm(['install', 'one', CHART, '--dry-run=client', '--hide-secret', '--values', '-'], {
        models: [MODEL],
        deltaStore: { enabled: true, masterKey },
      }).stdout;
    expect(notes({})).toContain('under the key in the Secret one-zen-delta-master-key');
    expect(notes({})).not.toMatch(/key: [A-Za-z0-9+/=]{40,}/);
    expect(notes({ existingSecret: 'mine' })).not.toContain('under the key in the Secret');
  });

  test('both may be given', () => {
    const given = { serviceKey: { existingSecret: 's' }, masterKey: { existingSecret: 'm' } };
    const objects = render({ deltaStore: { enabled: true, ...given } });
    expect(objects.filter((one) => /-key$/.test(one.metadata.name))).toEqual([
      expect.objectContaining({ metadata: expect.objectContaining({ name: 'one-zen-resume-key' }) }),
    ]);
    const store = find(objects, 'Deployment', 'one-zen-delta-store');
    expect(secretOf(store, 'service-key').secretName).toBe('s');
    expect(secretOf(store, 'master-key').secretName).toBe('m');
  });
});

describeWith(['helm'], 'TLS between services', () => {
  const given = { mode: 'secret', secrets: { thinker: 't', gateway: 'g' } };
  const thinkerEnv = (objects: KubeObject[]) => envOf(find(objects, 'Deployment', 'one-zen-thinker-smollm2'));

  test('off by default', () => {
    const objects = render();
    for (const env of [envOf(gatewayOf(objects)), thinkerEnv(objects)])
      expect(Object.keys(env).filter((name) => name.startsWith('ZEN_TLS'))).toEqual([]);
  });

  test('one way: the thinker shows a certificate, the gateway knows who signed it', () => {
    const objects = render({ tls: given });
    expect(envOf(gatewayOf(objects))).toMatchObject({
      ZEN_TLS_CA: '/etc/zen/tls/ca.crt',
      ZEN_TLS_SERVER_NAME: 'one-zen-thinker',
    });
    expect(envOf(gatewayOf(objects))).not.toHaveProperty('ZEN_TLS_CERT');
    expect(thinkerEnv(objects)).toMatchObject({
      ZEN_TLS_CERT: '/etc/zen/tls/tls.crt',
      ZEN_HEALTH_LISTEN: '0.0.0.0:50052',
    });
    expect(thinkerEnv(objects)).not.toHaveProperty('ZEN_TLS_CLIENTS');
  });

  test('mutual: the thinker demands the certificate that the gateway shows', () => {
    const objects = render({ tls: { ...given, mutual: true } });
    expect(envOf(gatewayOf(objects))).toMatchObject({
      ZEN_TLS_CERT: '/etc/zen/tls/tls.crt',
      ZEN_TLS_KEY: '/etc/zen/tls/tls.key',
    });
    expect(thinkerEnv(objects)).toMatchObject({
      ZEN_TLS_CA: '/etc/zen/tls/ca.crt',
      ZEN_TLS_CLIENTS: 'require',
    });
  });

  test('the delta-store shows a certificate, which gateways and thinkers check', () => {
    const deltas = {
      tls: { mode: 'certManager', mutual: true, issuer: { name: 'ca' } },
      deltaStore: { enabled: true },
    };
    const objects = render(deltas);
    const store = find(objects, 'Deployment', 'one-zen-delta-store');
    expect(envOf(store)).toMatchObject({
      ZEN_TLS_CERT: '/etc/zen/tls/tls.crt',
      ZEN_TLS_CLIENTS: 'require',
      ZEN_HEALTH_LISTEN: '0.0.0.0:50052',
    });
    expect(store.spec.template.spec.containers[0].readinessProbe.grpc.port).toBe(50052);
    const { spec } = find(objects, 'Certificate', 'one-zen-delta-store');
    const address = String(envOf(gatewayOf(objects)).ZEN_DELTA_STORE);
    expect(spec.dnsNames).toContain(address.split(':')[0]);
    expect(thinkerEnv(objects)).toMatchObject({ ZEN_TLS_CA: '/etc/zen/tls/ca.crt' });
    expect(find(objects, 'Certificate', 'one-zen-thinker').spec.usages).toContain('client auth');
    const oneWay = render({ ...deltas, tls: { ...deltas.tls, mutual: false } });
    expect(thinkerEnv(oneWay)).toMatchObject({ ZEN_TLS_CA: '/etc/zen/tls/ca.crt' });
    expect(envOf(find(oneWay, 'Deployment', 'one-zen-delta-store'))).not.toHaveProperty('ZEN_TLS_CA');
    expect(() =>
      render({
        tls: { mode: 'secret', secrets: { thinker: 't', gateway: 'g' } },
        deltaStore: { enabled: true },
      }),
    ).toThrow('tls.secrets.deltaStore: name the Secret of the delta-store');
  });

  test('talkers show a certificate with the name that gateways expect', () => {
    const speech = { tls: { mode: 'certManager', issuer: { name: 'ca' } }, talker: { enabled: true } };
    const objects = render(speech);
    const name = envOf(gatewayOf(objects)).ZEN_TALKER_SERVER_NAME;
    expect(name).toBe('one-zen-talker');
    expect(find(objects, 'Certificate', 'one-zen-talker').spec.dnsNames).toContain(name);
    const talker = find(objects, 'Deployment', 'one-zen-talker');
    expect(envOf(talker)).toMatchObject({ ZEN_TLS_CERT: '/etc/zen/tls/tls.crt' });
    expect(talker.spec.template.spec.containers[0].readinessProbe.grpc.port).toBe(50052);
    const mutual = render({ ...speech, tls: { ...speech.tls, mutual: true } });
    expect(envOf(find(mutual, 'Deployment', 'one-zen-talker'))).toMatchObject({ ZEN_TLS_CLIENTS: 'require' });
    expect(() =>
      render({ tls: { mode: 'secret', secrets: { thinker: 't', gateway: 'g' } }, talker: { enabled: true } }),
    ).toThrow('tls.secrets.talker: name the Secret of the talker');
  });

  test('expert pods and their routers have Secrets of their own, where there is an operator', () => {
    const secrets = { ...given.secrets, expert: 'e', expertRouter: 'r' };
    const blueprintOf = (tls: object) => {
      const objects = render({ operator: { enabled: true }, tls });
      return JSON.parse(find(objects, 'ConfigMap', 'one-zen-blueprint').data['blueprint.json']);
    };
    const blueprint = blueprintOf({ ...given, secrets });
    for (const [name, secretName] of [
      ['thinker', 't'],
      ['expert', 'e'],
      ['expertRouter', 'r'],
    ] as const)
      expect(blueprint[name].spec.template.spec.volumes).toContainEqual({
        name: 'tls',
        secret: { secretName },
      });
    expect(JSON.stringify(blueprintOf({}))).not.toMatch(/ZEN_TLS|SERVER_NAME|etc\/zen\/tls|health/);
    for (const [left, message] of [
      [{ ...given.secrets, expertRouter: 'r' }, 'tls.secrets.expert: name the Secret of the expert,'],
      [{ ...given.secrets, expert: 'e' }, 'tls.secrets.expertRouter: name the Secret of the expert-router,'],
    ] as const)
      expect(() => blueprintOf({ ...given, secrets: left })).toThrow(message);
    // Nobody else needs them.
    const certManager = { mode: 'certManager', issuer: { name: 'ca' } };
    const certificates = render({ tls: certManager }).filter(({ kind }) => kind === 'Certificate');
    expect(certificates.map(({ metadata }) => metadata.name)).toEqual(['one-zen-gateway', 'one-zen-thinker']);
  });

  test('by cert-manager, under the name that the gateway expects', () => {
    const objects = render({ tls: { mode: 'certManager', issuer: { name: 'ca' } } });
    const { spec } = find(objects, 'Certificate', 'one-zen-thinker');
    expect(spec.dnsNames).toContain(envOf(gatewayOf(objects)).ZEN_TLS_SERVER_NAME);
    expect(spec).toMatchObject({ usages: ['server auth'], issuerRef: { name: 'ca', kind: 'Issuer' } });
    expect(spec.secretName).toBe('one-zen-thinker-tls');
    expect(volumeOf(objects, 'tls').secret.secretName).toBe(
      find(objects, 'Certificate', 'one-zen-gateway').spec.secretName,
    );
  });

  test('whoever mounts a certificate mounts one that is made', () => {
    const objects = render({
      tls: { mode: 'certManager', issuer: { name: 'ca' } },
      deltaStore: { enabled: true },
      talker: { enabled: true },
      models: [MODEL, { ...MODEL, name: 'other' }],
    });
    const made = objects.filter(({ kind }) => kind === 'Certificate').map(({ spec }) => spec.secretName);
    const mounted = objects
      .flatMap(({ spec }) => spec?.template?.spec.volumes ?? [])
      .flatMap(({ name, secret }) => (name === 'tls' ? [secret.secretName] : []));
    expect(mounted).toHaveLength(5);
    expect(new Set(mounted)).toEqual(new Set(made));
  });

  test('what is missing is named', () => {
    expect(() => render({ tls: { mode: 'secret' } })).toThrow(
      'name the Secret of the thinker, as tls.mode is secret',
    );
    expect(() => render({ tls: { mode: 'certManager' } })).toThrow('tls.issuer.name: name the issuer');
  });
});
