import { DeltaError } from './delta-error';
import { deltaDigest } from './digest';
import { clip } from './fields';
import { type DeltaManifest, MAX_HEADER_BYTES } from './manifest';
import { parseManifest } from './parse-manifest';
import { tensorTable } from './tensor-table';

/** A delta file up to its data. */
export interface DeltaHeader {
  manifest: DeltaManifest;
  /** Canonical JSON: what the digest is taken of. */
  manifestBytes: Uint8Array;
  digest: string;
  /** First byte of the data in the file; `manifest.data.bytes` follow. */
  dataOffset: number;
}

/** The first bytes of the file of this manifest: with the data behind them they are the file. */
export function headerBytes(manifestBytes: Uint8Array, manifest = parseManifest(manifestBytes)): Buffer {
  const header: Record<string, unknown> = {
    __metadata__: { manifest: Buffer.from(manifestBytes).toString('utf8') },
  };
  for (const { name, dtype, shape, offset, bytes } of tensorTable(manifest)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  const file = Buffer.alloc(8 + length, ' ');
  file.writeBigUInt64LE(BigInt(length));
  json.copy(file, 8);
  return file;
}

/** Bytes of the header that begins with these, 8 of which are needed to say so. */
export function headerLength(start: Uint8Array): number {
  const length = Buffer.from(start.buffer, start.byteOffset, 8).readBigUInt64LE();
  if (length < 2n || length > BigInt(MAX_HEADER_BYTES)) {
    throw new DeltaError('too-large', `the header has ${length} bytes, must have 2 to ${MAX_HEADER_BYTES}`);
  }
  return 8 + Number(length);
}

/** Reads a whole header; it must be the one that its manifest makes, byte for byte. */
export function parseHeader(bytes: Uint8Array): DeltaHeader {
  const manifestBytes = Buffer.from(manifestText(bytes.subarray(8)));
  const manifest = parseManifest(manifestBytes);
  if (!headerBytes(manifestBytes, manifest).equals(bytes)) {
    throw new DeltaError('not-canonical', 'the header is not the one that its manifest makes');
  }
  return { manifest, manifestBytes, digest: deltaDigest(manifestBytes), dataOffset: bytes.byteLength };
}

function manifestText(json: Uint8Array): string {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json));
  } catch (error) {
    throw new DeltaError('invalid', 'the header is not JSON', { cause: error });
  }
  const metadata = (header as { __metadata__?: { manifest?: unknown } } | null)?.__metadata__;
  const text = metadata?.manifest;
  if (typeof text !== 'string') {
    throw new DeltaError('invalid', `__metadata__.manifest must be a text, is ${clip(String(text))}`);
  }
  return text;
}
