import { DistributionError } from '../distribution-error';
import { parseStoreUri } from './store-uri';

const HEX = 'a'.repeat(64);

test.each([
  [
    'oci://reg.local:5000/a/b:v1',
    { kind: 'oci', registry: 'reg.local:5000', repository: 'a/b', reference: 'v1', digest: null },
  ],
  [
    'oci://reg.local/a',
    { kind: 'oci', registry: 'reg.local', repository: 'a', reference: 'latest', digest: null },
  ],
  [
    `oci://[::1]:5000/a@sha256:${HEX}`,
    {
      kind: 'oci',
      registry: '[::1]:5000',
      repository: 'a',
      reference: `sha256:${HEX}`,
      digest: `sha256:${HEX}`,
    },
  ],
  ['https://host/x/y/', { kind: 'http', url: 'https://host/x/y', digest: null }],
  [`http://host/x#sha256=${HEX}`, { kind: 'http', url: 'http://host/x', digest: `sha256:${HEX}` }],
  ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '', digest: null }],
  ['s3://bucket/some/where/', { kind: 's3', bucket: 'bucket', prefix: 'some/where', digest: null }],
  ['file:///some/where', { kind: 'folder', path: '/some/where' }],
  ['/some/../where', { kind: 'folder', path: '/where' }],
])('reads %s', (text, expected) => {
  expect(parseStoreUri(text)).toEqual(expected);
});

test.each([
  ['', /0 characters/],
  ['x'.repeat(3000), /3000 characters/],
  ['ftp://host/x', /unknown scheme ftp/],
  ['oci://host', /expected oci:/],
  ['oci://host/Upper', /expected oci:/],
  ['oci://host/a@sha256:12', /expected oci:/],
  ['oci://host/../a', /expected oci:/],
  [`oci://host/${'a/'.repeat(200)}a`, /more than 255/],
  ['https://user:secret@host/x', /no user, password or query/],
  ['https://host/x?key=secret', /no user, password or query/],
  ['https://host/x#md5=1', /after # must come sha256=/],
  ['s3://UPPER/x', /expected s3:/],
  ['s3://bucket/../x', /a prefix is made of/],
  ['s3://bucket/a//b', /a prefix is made of/],
])('refuses %s', (text, expected) => {
  expect(() => parseStoreUri(text)).toThrow(expected);
  expect(() => parseStoreUri(text)).toThrow(DistributionError);
});

test('does not repeat a password', () => {
  expect(() => parseStoreUri('https://user:hunter2@host/x')).not.toThrow(/hunter2/);
});
