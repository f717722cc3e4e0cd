import type { Delta } from '@zen/contracts';

/** The delta that answers a request, as the delta-store had it when the request came. */
export interface AnswerDelta extends Pick<Delta, 'digest' | 'baseDigest' | 'recipe' | 'bytes'> {
  /** What the caller calls the place where it named the delta. */
  field: string;
  /** A new token that lets a thinker read this delta, for some minutes. */
  token(): string;
}
