import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface ZipFile {
  name: string;
  data: Uint8Array;
  /** Instead of the true size in the directory, for tests of refusals. */
  claimedBytes?: number;
}

/** Writes a zip archive without compression. */
export function buildZip(files: readonly ZipFile[]): Buffer {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, claimedBytes = data.length } of files) {
    const path = Buffer.from(name);
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32LE(crc32(data), 0);
    sizes.writeUInt32LE(data.length, 4);
    sizes.writeUInt32LE(claimedBytes, 8);
    // Version, flags, method, time, date; then check sum and sizes, name length, extra length.
    const shared = Buffer.concat([
      Buffer.from([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]),
      sizes,
      u16(path.length),
      u16(0),
    ]);
    const head = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, path]);
    local.push(head, Buffer.from(data));
    // Comment length, disk, internal and external attributes.
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), shared, tail, path);
    at += head.length + data.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...local, entries, Buffer.from('PK\x05\x06', 'latin1'), end]);
}

/** A wheel that pip accepts, with some files of one package. */
export function buildWheel(
  name: string,
  version: string,
  files: readonly ZipFile[],
): { fileName: string; bytes: Buffer; sha256: string } {
  const underscored = name.replaceAll('-', '_');
  const info = `${underscored}-${version}.dist-info`;
  const bytes = buildZip([
    ...files,
    {
      name: `${info}/METADATA`,
      data: Buffer.from(`Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`),
    },
    {
      name: `${info}/WHEEL`,
      data: Buffer.from('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    },
    { name: `${info}/RECORD`, data: Buffer.from('') },
  ]);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { fileName: `${underscored}-${version}-py3-none-any.whl`, bytes, sha256 };
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
