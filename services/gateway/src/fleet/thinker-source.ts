/** Where thinkers come from. */
export interface ThinkerSource {
  /**
   * Tells the whole set of `host:port` that new requests may go to, each time that it may have changed, until
   * `signal` is aborted. Who cannot say what the set is now says nothing, and the last one stands.
   */
  follow(onSet: (addresses: readonly string[]) => void, signal: AbortSignal): Promise<void>;
}
