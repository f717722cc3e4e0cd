import { createHash } from 'node:crypto';
import { cacheScope } from './cache-scope';

const hex = (tenant: string, digest: string | null) =>
  Buffer.from(cacheScope(tenant, digest)).toString('hex');

test('no two of these share a scope: tenants, deltas, and texts that join to the same', () => {
  const digest = `sha256:${'1'.repeat(64)}`;
  const scopes = [
    hex('a', null),
    hex('b', null),
    hex('a', digest),
    hex('b', digest),
    hex('a', `sha256:${'2'.repeat(64)}`),
    hex('', 'adelta'),
    hex('adelta', ''),
  ];
  expect(new Set(scopes).size).toBe(scopes.length);
  expect(hex('adelta', '')).toBe(hex('adelta', null));
});

test('is SHA-256 of the tagged fields with their lengths', () => {
  const text = '\x06\0\0\0tenant\x04\0\0\0acme\x05\0\0\0delta\x02\0\0\0xy';
  expect(hex('acme', 'xy')).toBe(createHash('sha256').update(text).digest('hex'));
});
