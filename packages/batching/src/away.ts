import { BatchingError } from './batching-error';
import type { Sequence } from './sequence';

/** A step in vain costs the others time, so they become rare; a placement that changes cuts the wait short. */
const FIRST_RETRY_US = 50_000;
const LONGEST_RETRY_US = 1_000_000;

/** An expert was missing that the sequence does not do without: it leaves the batch, with its KV, for a while. */
export function sendAway(sequence: Sequence, nowUs: number): void {
  const waitUs = Math.min(FIRST_RETRY_US * 2 ** sequence.misses, LONGEST_RETRY_US);
  sequence.misses++;
  sequence.retryAtUs = nowUs + waitUs;
  sequence.state = 'away';
}

/** Those whose time has come queue up for the batch again. */
export function comeBack(live: Iterable<Sequence>, nowUs: number): void {
  for (const one of live) if (one.state === 'away' && one.retryAtUs <= nowUs) one.state = 'waiting';
}

export function expertAway(): BatchingError {
  return new BatchingError('expert-away', 'experts: one could not be had from any pod until the deadline');
}
