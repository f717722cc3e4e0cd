import { ClientSecrets } from './client-secrets';

const CLAIMS = { keyId: 'key', expiresS: 100, session: { type: 'realtime' } };

it('is good until it expires, at every gateway with the same key', () => {
  let nowMs = 99_000;
  const one = new ClientSecrets('a shared secret of gateways', () => nowMs);
  const other = new ClientSecrets('a shared secret of gateways', () => nowMs);
  const secret = one.issue(CLAIMS);
  expect(other.read(secret)).toEqual(CLAIMS);
  nowMs = 101_000;
  expect(() => other.read(secret)).toThrow('the client secret has expired');
});

it.each([
  ['signed by another', (secret: string) => secret, 'another secret of a gateway'],
  ['changed', (secret: string) => secret.replace(/^ek_.{8}/, 'ek_AAAAAAAA'), 'a secret'],
  ['cut', (secret: string) => secret.slice(0, -4), 'a secret'],
  ['without a signature', (secret: string) => secret.split('.')[0] ?? '', 'a secret'],
])('is refused where it is %s', (_, change, key) => {
  const secret = new ClientSecrets('a secret', () => 0).issue(CLAIMS);
  expect(() => new ClientSecrets(key, () => 0).read(change(secret))).toThrow('not one of this gateway');
});

it('is no key, and holds no more than a header can', () => {
  const secrets = new ClientSecrets(undefined, () => 0);
  expect(secrets.read('zen_key')).toBeNull();
  const session = { instructions: 'x'.repeat(5000) };
  expect(() => secrets.issue({ ...CLAIMS, session })).toThrow('at most 6000');
});
