import { resolve } from 'node:path';
import { CATALOG } from './catalog';
import { SourceError } from './source-error';
import { isSafeRelativePath, parseSourceUri } from './source-uri';

const HASH = 'a'.repeat(64);

describe('parseSourceUri', () => {
  it.each([
    ['file:///models/x.gguf', { scheme: 'file', path: '/models/x.gguf', sha256: null }],
    [`file:///a%20b.gguf#sha256=${HASH}`, { scheme: 'file', path: '/a b.gguf', sha256: HASH }],
    ['models/x.gguf', { scheme: 'file', path: resolve('models/x.gguf'), sha256: null }],
    ['https://h/a.gguf?x=1', { scheme: 'http', url: 'https://h/a.gguf?x=1', sha256: null }],
    ['hf://o/r', { scheme: 'hf', repo: 'o/r', revision: 'main', file: null, sha256: null }],
    [
      'hf://o/r@refs%2Fpr%2F1/q/m.gguf',
      { scheme: 'hf', repo: 'o/r', revision: 'refs/pr/1', file: 'q/m.gguf', sha256: null },
    ],
    [
      'oci://localhost:5000/a/b',
      { scheme: 'oci', registry: 'localhost:5000', repository: 'a/b', reference: 'latest', sha256: null },
    ],
    ['oci://h/a:v1', { scheme: 'oci', registry: 'h', repository: 'a', reference: 'v1', sha256: null }],
    [
      `oci://h/a@sha256:${HASH}`,
      { scheme: 'oci', registry: 'h', repository: 'a', reference: `sha256:${HASH}`, sha256: null },
    ],
    [
      'pypi://a-b@1.0/c/d.bin',
      { scheme: 'pypi', parts: [{ package: 'a-b', version: '1.0', path: 'c/d.bin' }], sha256: null },
    ],
  ])('reads %s', (text, expected) => {
    expect(parseSourceUri(text)).toEqual(expected);
  });

  it('counts all braces of a pypi address together', () => {
    expect(parseSourceUri('pypi://p{9..11}@1/p{9..11}/part{09..11}.bin')).toMatchObject({
      parts: [
        { package: 'p9', path: 'p9/part09.bin' },
        { package: 'p10', path: 'p10/part10.bin' },
        { package: 'p11', path: 'p11/part11.bin' },
      ],
    });
  });

  it.each([
    ['', /0 characters/],
    [`hf://${'x'.repeat(3000)}`, /must be 1 to 2048/],
    ['ftp://h/x', /unknown scheme ftp/],
    ['https://', /not a URL/],
    ['file:///x#sha256=abc', /64 lower-case hex/],
    ['pypi://a@1', /expected pypi/],
    ['pypi://-rx@1/f', /package name -rx/],
    ['pypi://a@1 --index-url=x/f', /version/],
    ['pypi://a@1/../f', /plain relative path/],
    ['pypi://a@1//etc/passwd', /plain relative path/],
    ['pypi://a{1..9999}@1/f', /9999 parts/],
    ['pypi://a{5..1}@1/f', /-3 parts/],
    ['pypi://a{1..2}@1/f{1..3}', /same ends/],
    ['hf://only', /expected hf/],
    ['hf://o/r@a..b', /revision/],
    ['hf://o/r/../../x', /plain relative path/],
    ['oci://h', /expected oci/],
    ['oci://h/UPPER', /repository UPPER/],
    ['oci://h/a@sha256:12', /tag sha256:12/],
  ])('refuses %p by name', (text, expected) => {
    expect(() => parseSourceUri(text)).toThrow(expected);
    expect(() => parseSourceUri(text)).toThrow(SourceError);
  });

  it('reads every address of the catalog', () => {
    for (const entry of CATALOG) {
      const uri = parseSourceUri(`${entry.uri}#sha256=${entry.sha256}`);
      expect(uri).toMatchObject({ scheme: 'pypi', sha256: entry.sha256 });
    }
  });
});

describe('isSafeRelativePath', () => {
  it.each(['a', 'a/b.gguf', 'model-00001-of-00002.safetensors', '_x/y=1 +@z'])('accepts %p', (path) => {
    expect(isSafeRelativePath(path)).toBe(true);
  });

  it.each([
    '',
    '/a',
    '../a',
    'a/../b',
    'a//b',
    './a',
    '.hidden',
    'a\\b',
    'a\0b',
    'a/',
    'C:x',
    'x'.repeat(600),
  ])('refuses %p', (path) => {
    expect(isSafeRelativePath(path)).toBe(false);
  });
});
