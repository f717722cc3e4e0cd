/** A place that holds one ladder: registry, web server, bucket or folder. A call is one attempt; it never retries. */
export interface ArtifactStore {
  /** Without credentials. */
  readonly uri: string;
  /** The ladder's manifest as the store has it, at most 4 MiB. Its digest is checked where the store names one. */
  manifest(signal: AbortSignal): Promise<Buffer>;
  /**
   * `length` bytes of a blob from `offset`, in small pieces, at most so many: a server may end earlier. Throws
   * RangesIgnored before the first byte where the server sends only whole blobs.
   */
  read(digest: string, offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** A blob from its first byte, for servers that ignore ranges. */
  whole(digest: string, bytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** The server answered a request for a range with the whole blob. */
export class RangesIgnored extends Error {
  override readonly name = 'RangesIgnored';
}
