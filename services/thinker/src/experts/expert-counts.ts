import type { ExpertFalls } from '@zen/batching';
import type { DispatchEvents } from './dispatcher';
import type { PodFailure } from './expert-pod';

/** Outcomes of calls to pods, for the label `outcome`. */
export type CallOutcome = 'answered' | PodFailure;

/** What became of the pairs of a token and an expert since the start. */
export class ExpertCounts implements DispatchEvents {
  /** Chosen by the model's own router. */
  chosenPairs = 0;
  /** Answered by pods. */
  remotePairs = 0;
  /** That no pod computed, whatever became of them. */
  missingPairs = 0;
  standIn = 0;
  without = 0;
  hedgedCalls = 0;
  failedOverCalls = 0;
  readonly calls = new Map<CallOutcome, number>();

  constructor(private readonly timed: (seconds: number) => void) {}

  /** Computed here as the stage says. */
  get localPairs(): number {
    return Math.max(0, this.chosenPairs - this.remotePairs - this.standIn - this.without);
  }

  chosen(load: Uint32Array): void {
    for (const rows of load) this.chosenPairs += rows;
  }

  fell({ standIn, without }: Readonly<ExpertFalls>): void {
    this.standIn += standIn;
    this.without += without;
  }

  answered(pairs: number, us: number): void {
    this.remotePairs += pairs;
    this.count('answered');
    this.timed(us / 1e6);
  }

  hedged(): void {
    this.hedgedCalls++;
  }

  failed(failure: PodFailure, again: boolean): void {
    this.count(failure);
    if (again) this.failedOverCalls++;
  }

  missing(pairs: number): void {
    this.missingPairs += pairs;
  }

  private count(outcome: CallOutcome): void {
    this.calls.set(outcome, (this.calls.get(outcome) ?? 0) + 1);
  }
}
