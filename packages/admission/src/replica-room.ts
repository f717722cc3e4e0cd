/** What a replica says it can do and does, our own requests since its last report included. */
export interface ReplicaState {
  maxRunning: number;
  maxWaiting: number;
  /** Running and waiting there. */
  sequences: number;
  /** Waiting there for a place in the batch. */
  waiting: number;
  /** Share of its KV cache that is free or can be reclaimed, 0 to 1; 1 where it does not say. */
  kvFree: number;
}

/** Share of the batch that may wait at the replica: the place of an answer that ends is taken in the next step. */
const SLACK = 1 / 8;
/** Below it the KV cache, not the number of places, decides who runs. */
const KV_SHORT = 0.1;

/** Requests that the replica can take before its own queue grows beyond what keeps its batch full; may be negative. */
export function replicaRoom({ maxRunning, maxWaiting, sequences, waiting, kvFree }: ReplicaState): number {
  const slack = Math.min(maxWaiting, Math.ceil(maxRunning * SLACK));
  const places = maxRunning + slack - sequences;
  // Places that the KV cache cannot fill are none.
  return kvFree < KV_SHORT && waiting > 0 ? Math.min(places, slack - waiting) : places;
}
