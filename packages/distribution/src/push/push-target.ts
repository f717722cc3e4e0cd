import type { LadderManifest, StageLayer } from '@zen/ladder';

/** A place that a ladder is copied to. Nothing is visible there before `publish`. */
export interface PushTarget {
  /** Whether a blob is there already, whole. */
  has(digest: string, bytes: number, signal: AbortSignal): Promise<boolean>;
  /** A small blob. */
  put(digest: string, data: Buffer, signal: AbortSignal): Promise<void>;
  /** A stage's blob; goes on where an earlier call of any process was cut off, if the place allows. */
  upload(layer: StageLayer, source: BlobSource, signal: AbortSignal): Promise<void>;
  /** Makes the ladder appear; all its blobs are there. */
  publish(manifest: LadderManifest, json: Buffer, signal: AbortSignal): Promise<void>;
}

/** A verified local blob. */
export interface BlobSource {
  /** Bytes from a multiple of 4 MiB; their hashes are checked. */
  read(offset: number, length: number): Promise<Buffer>;
  /** So many bytes of the blob are safe at the target. */
  sent(bytes: number): void;
}
