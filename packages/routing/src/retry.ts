/** How a replica failed a request, in the words of routing. */
export type ReplicaFailure =
  /** It could not be reached, ended, or broke. */
  | 'unavailable'
  /** It is well, but has no room. */
  | 'overloaded'
  /** The request is at fault: it would fail anywhere. */
  | 'refused'
  /** The caller went away. */
  | 'cancelled';

export interface Progress {
  /** Something of the answer has reached the caller. */
  started: boolean;
  /** Replicas tried so far, the failed one included. */
  attempts: number;
}

export const MAX_ATTEMPTS = 3;

/** Another replica may try only while the caller has seen nothing: a second answer would continue the first. */
export function mayRetry(failure: ReplicaFailure, { started, attempts }: Progress): boolean {
  return !started && attempts < MAX_ATTEMPTS && (failure === 'unavailable' || failure === 'overloaded');
}

/** Whether a failure says that the replica itself is unwell. */
export function countsAgainst(failure: ReplicaFailure): boolean {
  return failure === 'unavailable';
}
