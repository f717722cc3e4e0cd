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

  test('given lines are kept as they are', () => {
    const entries = [`sha256:${sha256('a')} tenant=a rpm=6`, `sha256:${sha256('b')} tenant=b priority=batch`];
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

  test('what is missing is named', () => {
    expect(() => render({ tls: { mode: 'secret' } })).toThrow(
      'name the Secret of the thinker, as tls.mode is secret',
    );
    expect(() => render({ tls: { mode: 'certManager' } })).toThrow('tls.issuer.name: name the issuer');
  });
});
