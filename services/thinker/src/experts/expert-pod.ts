import type { RunExpertsResponse } from '@zen/contracts';
import type { ExpertCall } from '@zen/engine';

/** Why a pod gave no answer to a part of a call: a metric label, so a closed set. */
export type PodFailure =
  /** It does not hold one of the experts at this stage. */
  | 'not-held'
  /** More calls than it takes at once. */
  | 'busy'
  | 'draining'
  /** It answered that it could not in time, or did not answer in time while it answered others. */
  | 'late'
  /** The connection is gone, or nothing came over it any more. */
  | 'lost'
  /** It refused the call, or its answer has not the shape that was asked for. */
  | 'invalid';

/** A part of a call on its way; told exactly once, unless it is cancelled before. */
export interface PodAsk {
  call: ExpertCall;
  /** Indices of the call's experts, ascending. */
  experts: readonly number[];
  /** Where each expert's pairs begin in the call. */
  offsets: Int32Array;
  answered(answer: RunExpertsResponse): void;
  failed(failure: PodFailure, message: string): void;
}

/** A pod as the dispatcher sees it. */
export interface ExpertPod {
  readonly address: string;
  /** What a call of so many pairs would take now, microseconds. */
  timeUs(pairs: number): number;
  /** A call of so many pairs is not answered after `us`: it is at least that slow. */
  late(pairs: number, us: number): void;
  /** The result takes the call back; afterwards nothing is told. */
  run(ask: PodAsk): () => void;
}
