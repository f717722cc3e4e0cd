import type { Sequence } from './sequence';
import type { StepBackend } from './step-backend';

/** What a step may still take from the KV cache, and who gives blocks back when it does not suffice. */
export class KvMemory {
  /** Blocks that the items planned so far will take. */
  private planned = 0;
  preemptions = 0;

  constructor(private readonly backend: StepBackend) {}

  /** Starts the accounting of a new step. */
  reset(): void {
    this.planned = 0;
  }

  /** Blocks that `count` more positions take. */
  growth(sequence: Sequence, count: number): number {
    return this.blocks(sequence.computed + count) - this.blocks(sequence.computed);
  }

  blocks(tokens: number): number {
    return Math.ceil(tokens / this.backend.blockTokens);
  }

  get free(): number {
    return this.backend.kv().blocksFree - this.planned;
  }

  plan(blocks: number): void {
    this.planned += blocks;
  }

  /** Positions from `position` on that fit without taking anything from anyone. */
  room(position: number): number {
    const size = this.backend.blockTokens;
    return ((size - (position % size)) % size) + Math.max(0, this.free) * size;
  }

  /** Takes a sequence's KV away; it is computed again when there is room. */
  preempt(sequence: Sequence): void {
    if (sequence.handle === null || sequence.computed === 0) return;
    this.backend.truncate(sequence.handle, 0);
    sequence.computed = 0;
    sequence.kvStage = -1;
    if (sequence.state === 'running') sequence.state = 'waiting';
    this.preemptions++;
  }
}
