import type { SequenceIdentity, StepBackend, StepItem, StepOutput } from '@zen/batching';
import type { NativeModel, NativeSampling } from '@zen/engine';

/** What the thinker needs of an engine: steps, and stages that are attached while it runs. */
export interface StageBackend extends StepBackend {
  /** Makes a stage usable by the next step; stages come in order. `path`: its blob, which stays as it is. */
  attachStage(stage: number, path: string): Promise<void>;
  /** Drops this stage and all above it, with what is cached of them; also while a step runs. */
  detachStage(stage: number): void;
  close(): void;
}

/** The native engine behind the scheduler's port. */
export class EngineBackend implements StageBackend {
  readonly blockTokens: number;

  constructor(private readonly model: NativeModel) {
    this.blockTokens = model.stats().kvBlockTokens;
  }

  attachStage(stage: number, path: string): Promise<void> {
    return this.model.attachStage(stage, path);
  }

  detachStage(stage: number): void {
    this.model.detachStage(stage);
  }

  createSequence(sampling: NativeSampling, sampled?: Int32Array, identity?: SequenceIdentity): number {
    return this.model.createSequence(sampling, sampled, identity);
  }

  freeSequence(sequence: number): void {
    this.model.freeSequence(sequence);
  }

  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number {
    return this.model.matchPrefix(sequence, stage, tokens);
  }

  truncate(sequence: number, length: number): void {
    this.model.truncate(sequence, length);
  }

  step(items: StepItem[]): Promise<StepOutput[]> {
    return this.model.step(items);
  }

  kv(): { blocksTotal: number; blocksFree: number } {
    const { kvBlocksTotal, kvBlocksFree } = this.model.stats();
    return { blocksTotal: kvBlocksTotal, blocksFree: kvBlocksFree };
  }

  close(): void {
    this.model.close();
  }
}
