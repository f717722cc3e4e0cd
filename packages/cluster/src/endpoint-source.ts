/** Something that answers at an address. */
export interface Endpoint {
  /** `host:port`. */
  address: string;
  /** Machine that it runs on, and the zone of the machine; empty while unknown. */
  node: string;
  zone: string;
}

/** Where endpoints come from. */
export interface EndpointSource {
  /**
   * Tells the whole set of endpoints that new requests may go to, each time that it may have changed, until `signal`
   * is aborted. Who cannot say what the set is now says nothing, and the last one stands.
   */
  follow(onSet: (endpoints: readonly Endpoint[]) => void, signal: AbortSignal): Promise<void>;
}
