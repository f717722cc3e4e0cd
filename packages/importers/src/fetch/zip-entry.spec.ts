import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceError } from '../source-error';
import { buildZip } from '../testing/build-wheel';
import { readZipEntry } from './zip-entry';

const folder = mkdtempSync(join(tmpdir(), 'zen-zip-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(bytes: Buffer, name: string, maxBytes = 1_000_000): Promise<string> {
  const path = join(folder, 'a.zip');
  writeFileSync(path, bytes);
  const parts: Buffer[] = [];
  for await (const part of readZipEntry(path, name, maxBytes)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('readZipEntry', () => {
  const good = buildZip([
    { name: 'p/first', data: Buffer.from('one') },
    { name: 'p/second', data: Buffer.from('two') },
  ]);

  it('streams the named entry', async () => {
    expect(await read(good, 'p/second')).toBe('two');
  });

  it.each<[string, Buffer, string, RegExp]>([
    ['a missing entry', good, 'p/third', /has no p\/third/],
    [
      'an entry above the limit',
      buildZip([{ name: 'big', data: Buffer.alloc(2_000_000) }]),
      'big',
      /2000000 bytes, limit 1000000/,
    ],
    ['a wrong size', buildZip([{ name: 'x', data: Buffer.from('abc'), claimedBytes: 9 }]), 'x', /a\.zip: /],
    [
      'a name that leaves the archive',
      buildZip([{ name: '../x', data: Buffer.from('abc') }]),
      'x',
      /invalid relative path/,
    ],
    ['no archive', Buffer.from('not a zip'), 'x', /not a zip archive/],
    ['a cut archive', good.subarray(0, good.length - 30), 'p/first', /a\.zip/],
  ])('refuses %s by name', async (_name, bytes, entry, expected) => {
    await expect(read(bytes, entry)).rejects.toThrow(expected);
    await expect(read(bytes, entry)).rejects.toThrow(SourceError);
  });
});
