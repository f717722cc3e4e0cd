import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import { type Grant, readServiceKey, ServiceTokenError, ServiceTokens } from '.';

const KEY = Buffer.alloc(32, 7);
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const grant: Grant = { tenant: 'acme', may: 'read', digest: DIGEST };

describe('ServiceTokens', () => {
  const tokens = new ServiceTokens(KEY);

  test.each<Grant>([grant, { tenant: null, may: 'operate', digest: null }, { ...grant, may: 'write' }])(
    '%j comes back as it went',
    (given) => expect(tokens.verify(tokens.mint(given, 60))).toEqual(given),
  );

  test('ends after its seconds, and clocks may differ by five', () => {
    let now = Date.now();
    const timed = new ServiceTokens(KEY, () => now);
    const token = timed.mint(grant, 10);
    now += 14_000;
    expect(timed.verify(token)).toEqual(grant);
    now += 2_000;
    expect(() => timed.verify(token)).toThrow(expect.objectContaining({ failure: 'expired' }));
  });

  const claims = { ...grant, iss: 'zen', aud: 'zen.delta', exp: Math.floor(Date.now() / 1000) + 60 };
  const { exp: _, ...endless } = claims;
  const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each([
    ['of another key', sign(claims, Buffer.alloc(32, 8))],
    ['without a signature', `${b64({ alg: 'none', typ: 'JWT' })}.${b64(claims)}.`],
    ['of another algorithm', sign(claims, KEY, { algorithm: 'HS512' })],
    ['for another audience', sign({ ...claims, aud: 'other' }, KEY)],
    ['of another issuer', sign({ ...claims, iss: 'other' }, KEY)],
    ['without an end', sign(endless, KEY)],
    ['with an unknown right', sign({ ...claims, may: 'everything' }, KEY)],
    ['with an empty tenant', sign({ ...claims, tenant: '' }, KEY)],
    ['that names no tenant at all', sign({ ...claims, tenant: undefined }, KEY)],
    ['with a digest that is none', sign({ ...claims, digest: 'sha256:1' }, KEY)],
    ['that is no token', 'x'],
    ['that is too long', 'x'.repeat(5000)],
  ])('a token %s is refused', (_, token) => {
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ failure: 'invalid' }));
    expect(() => tokens.verify(token)).toThrow(ServiceTokenError);
  });

  test('one changed character is refused, wherever it is', () => {
    const token = tokens.mint(grant, 60);
    for (let at = 0; at < token.length - 1; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(() => tokens.verify(token.slice(0, at) + other + token.slice(at + 1))).toThrow(
        ServiceTokenError,
      );
    }
  });

  test.each([0, 86_401, 1.5])('%s seconds are refused', (seconds) => {
    expect(() => tokens.mint(grant, seconds)).toThrow(/^seconds: /);
  });

  test('a short key is refused', () => {
    expect(() => new ServiceTokens(Buffer.alloc(31))).toThrow('service key: 31 bytes, at least 32');
  });
});

describe('readServiceKey', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-key-'));
  const path = join(folder, 'key');
  afterAll(() => rmSync(folder, { recursive: true }));

  test('line ends at its end do not count', () => {
    writeFileSync(path, `${'k'.repeat(32)}\r\n`);
    expect(readServiceKey(path)).toEqual(Buffer.from('k'.repeat(32)));
  });

  test.each([31, 4097])('%s bytes are refused by name', (length) => {
    writeFileSync(path, 'k'.repeat(length));
    expect(() => readServiceKey(path)).toThrow(`${path}: ${length} bytes, must be 32 to 4096`);
  });

  test('a file that is not there is named', () => {
    expect(() => readServiceKey(join(folder, 'none'))).toThrow(/none: cannot be read \(ENOENT\)/);
  });
});
