import type { Delta } from '@zen/contracts';
import { parseManifest } from '@zen/deltas';

/** Bytes of a delta's data that are encrypted, stored and checked as one. */
export const SEGMENT_BYTES = 4 * 2 ** 20;

/** What is stored of a delta besides its data. */
export interface DeltaRecord {
  digest: string;
  /** Canonical JSON, as text. */
  manifest: string;
  base: string;
  recipe: string;
  bytes: number;
  /** Names its data; a delta that is published by two at once has two, and the record says which one counts. */
  blob: string;
  publishedMs: number;
}

export function recordOf(manifest: Uint8Array, digest: string, blob: string, nowMs: number): DeltaRecord {
  const { base, recipe, data } = parseManifest(manifest);
  const text = Buffer.from(manifest).toString('utf8');
  return { digest, manifest: text, base, recipe, bytes: data.bytes, blob, publishedMs: nowMs };
}

export function toDelta({ digest, base, recipe, bytes, publishedMs }: DeltaRecord): Delta {
  return {
    digest,
    baseDigest: base,
    recipe,
    bytes: BigInt(bytes),
    publishedUnixMs: BigInt(publishedMs),
  };
}
