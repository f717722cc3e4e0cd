import type { ReplicaFailure } from '@zen/routing';
import type { RpcError } from '@zen/rpc';

/** Why an answer had to go on elsewhere: a label, so a closed set. */
export type MoveType =
  /** The replica was lost without a word: killed, or cut off. */
  | 'lost'
  /** It shut down. */
  | 'drained'
  /** It lost the answer's stage. */
  | 'stage_lost'
  /** It took the answer for abandoned, while its reader was slow. */
  | 'stalled'
  /** It had no memory left for the answer. */
  | 'overloaded'
  /** It could not get an expert that the answer does not do without. */
  | 'expert_away'
  /** It failed at the answer. */
  | 'failed'
  /** Another gateway began the answer. */
  | 'handover';

const BY_NAME: Record<string, MoveType> = {
  draining: 'drained',
  closed: 'drained',
  'stage-lost': 'stage_lost',
  stalled: 'stalled',
};

/** What ended an answer in its middle; undefined where it would end the same way anywhere. */
export function moveType(error: RpcError, failure: ReplicaFailure): MoveType | undefined {
  switch (failure) {
    case 'refused':
    case 'cancelled':
      return undefined;
    case 'overloaded':
      return error.metadata['x-zen-failure'] === 'expert-away' ? 'expert_away' : 'overloaded';
    case 'unavailable': {
      const named = BY_NAME[error.metadata['x-zen-failure'] ?? ''];
      if (named) return named;
      // A thinker that lives names its failure; this is what is left when the connection goes.
      return error.code === 'UNAVAILABLE' || error.code === 'CANCELLED' ? 'lost' : 'failed';
    }
  }
}
