import type { SequenceIdentity, StepBackend, StepItem, StepOutput } from '@zen/batching';
import type { NativeModel, NativeSampling } from '@zen/engine';
import type { DeltaEngine } from '../deltas/slot-tier';
import type { ExpertEngine } from '../experts/expert-engine';
import { EngineDeltas } from './engine-deltas';

/** What the thinker needs of an engine: steps, and stages that are attached while it runs. */
export interface StageBackend extends StepBackend {
  /** Null where it takes no deltas. */
  readonly deltas: DeltaEngine | null;
  /** Null where the model is dense. */
  readonly experts: ExpertEngine | null;
  /** Makes a stage usable by the next step; stages come in order. `path`: its blob, which stays as it is. */
  attachStage(stage: number, path: string): Promise<void>;
  /** Drops this stage and all above it, with what is cached of them; also while a step runs. */
  detachStage(stage: number): void;
  close(): void;
}

/** The native engine behind the scheduler's port. */
export class EngineBackend implements StageBackend {
  readonly blockTokens: number;
  readonly deltas: EngineDeltas | null;

  constructor(
    private readonly model: NativeModel,
    readonly experts: ExpertEngine | null = null,
  ) {
    const { kvBlockTokens, deltaSlots, denseSlots } = model.stats();
    this.blockTokens = kvBlockTokens;
    this.deltas = deltaSlots + denseSlots > 0 ? new EngineDeltas(model) : null;
  }

  attachStage(stage: number, path: string): Promise<void> {
    return this.model.attachStage(stage, path);
  }

  detachStage(stage: number): void {
    this.model.detachStage(stage);
  }

  createSequence(sampling: NativeSampling, sampled?: Int32Array, identity?: SequenceIdentity): number {
    const sequence = this.model.createSequence(sampling, sampled, identity);
    if (identity && identity.delta !== null) this.deltas?.began(sequence, identity.delta);
    return sequence;
  }

  freeSequence(sequence: number): void {
    this.model.freeSequence(sequence);
    this.deltas?.ended(sequence);
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
