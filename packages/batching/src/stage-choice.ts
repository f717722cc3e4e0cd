import { BatchingError } from './batching-error';
import type { Sequence } from './sequence';

/** Which stage each sequence computes with next. */
export class StageChoice {
  /** The stage of sequences that name none. */
  top = 0;

  of({ request, firstStage }: Sequence): number {
    if (request.stage !== null) return request.stage;
    return request.upgrade === 'never' && firstStage !== null ? Math.min(firstStage, this.top) : this.top;
  }

  /** Notes what the sequence enters the batch with. */
  enter(sequence: Sequence): number {
    const stage = this.of(sequence);
    sequence.firstStage ??= stage;
    return stage;
  }

  /**
   * Stage `stage` and those above are gone; `top` serves sequences that name none, null if no stage may. Marks
   * sequences whose KV has to be computed again, and gives those that cannot go on with why.
   */
  lose(stage: number, top: number | null, live: Iterable<Sequence>): Map<Sequence, BatchingError> {
    const ended = new Map<Sequence, BatchingError>();
    this.top = top ?? 0;
    for (const one of live) {
      const { stage: pinned, minStage = 0 } = one.request;
      const goesOn = pinned !== null ? pinned < stage : top !== null && minStage <= top;
      if (goesOn) {
        if (one.kvStage >= stage) one.lose(stage);
        // It never rises again, not even to where it began.
        if (one.firstStage !== null) one.firstStage = Math.min(one.firstStage, this.top);
      } else {
        one.generation.retract(stage);
        const message = `stage: ${pinned ?? `${stage} and above`} was lost, its bytes on this replica are bad`;
        ended.set(one, new BatchingError('stage-lost', message));
      }
    }
    return ended;
  }
}
