import { createHash } from 'node:crypto';

/** A delta's id: `sha256:` and the SHA-256 of its canonical manifest, which holds the digest of its data. */
export function deltaDigest(manifest: Uint8Array): string {
  return `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
}

/** Whether a text is written as a digest: `sha256:` and 64 lower-case hex digits. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}
