import type { StagesNow } from '../request/choose-stage';
import type { StageBackend } from './engine-backend';

export interface ClimbEvents {
  attached(stage: number, elapsedMs: number): void;
  /** No stage above the ones attached will come. */
  failed(stage: number, error: unknown): void;
}

/** Attaches the stages of a ladder in order while requests are served. */
export class StageClimb implements StagesNow {
  /** Highest attached stage, -1 for none. */
  top = -1;

  constructor(
    private readonly backend: Pick<StageBackend, 'attachStage'>,
    private readonly count: number,
    readonly minServable: number,
    private readonly events: ClimbEvents,
  ) {}

  /** Whether requests that name no stage are answered. */
  get ready(): boolean {
    return this.top >= this.minServable;
  }

  /** Resolves when all stages are attached, one has failed, or `signal` says stop. */
  async run(signal: AbortSignal): Promise<void> {
    for (let stage = 0; stage < this.count && !signal.aborted; stage++) {
      const started = performance.now();
      try {
        await this.backend.attachStage(stage);
      } catch (error) {
        this.events.failed(stage, error);
        return;
      }
      this.top = stage;
      this.events.attached(stage, performance.now() - started);
    }
  }
}
