import { existsSync } from 'node:fs';
import { MappedStage, type StagedLadder } from '@zen/distribution';
import { pause } from '@zen/pause';
import type { StagesNow } from '../request/choose-stage';
import type { StageBackend } from './engine-backend';

/** Where the stages come from. */
export type StageSource = Pick<StagedLadder, 'manifest' | 'stage' | 'wanted' | 'repair'>;

export interface ClimbEvents {
  /** `top` is the highest stage now. */
  attached(top: number, elapsedMs: number): void;
  /** This stage and those above are gone, because its bytes are bad. */
  dropped(stage: number): void;
  /** It cannot be attached or fetched again; `again`: it is tried later. */
  failed(stage: number, error: unknown, again: boolean): void;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/**
 * Attaches the stages of a ladder in order while requests are served. A stage whose bytes turn out bad is dropped
 * with all above it, fetched again, and attached again.
 */
export class StageClimb implements StagesNow {
  /** Highest attached stage, -1 for none. */
  top = -1;
  /** The stage that the engine prepares now, null for none. */
  attaching: number | null = null;
  /** Chunks that turned out bad since the start. */
  corruptChunks = 0;
  /** Stages that are out of order, and why. */
  readonly failures = new Map<number, string>();
  private readonly files: MappedStage[] = [];
  /** Files of stages whose bytes have to be fetched again, and how many of their chunks are counted already. */
  private readonly bad = new Map<number, { file: MappedStage; counted: number }>();
  /** Aborted by a drop: what was waited for has changed. */
  private ground = new AbortController();

  constructor(
    private readonly backend: Pick<StageBackend, 'attachStage' | 'detachStage'>,
    private readonly source: StageSource,
    readonly minServable: number,
    private readonly events: ClimbEvents,
  ) {}

  /** Whether requests that name no stage are answered. */
  get ready(): boolean {
    return this.top >= this.minServable;
  }

  get complete(): boolean {
    return this.top === this.count - 1;
  }

  get attached(): readonly MappedStage[] {
    return this.files;
  }

  private get count(): number {
    return this.source.manifest.layers.length;
  }

  /**
   * Climbs, and climbs again after a drop, until `signal`. `settled` is called when all stages are attached, and
   * when the next one cannot be; `again`: it is tried later.
   */
  async run(signal: AbortSignal, settled: (again: boolean) => void): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const attempt = AbortSignal.any([signal, this.ground.signal]);
      if (this.complete) {
        settled(false);
        await pause(Number.POSITIVE_INFINITY, attempt);
        continue;
      }
      const stage = this.top + 1;
      try {
        await this.climb(stage, attempt);
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (attempt.aborted) continue;
        const refused = error instanceof RefusedStage;
        this.failures.set(stage, (error as Error).message);
        this.events.failed(stage, refused ? error.cause : error, !refused);
        settled(!refused);
        await pause(refused ? Number.POSITIVE_INFINITY : retryMs, attempt);
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      }
    }
    const bad = [...this.bad.values()].map(({ file }) => file);
    await Promise.all([...this.files.splice(0), ...bad].map((file) => file.close()));
  }

  /** The stage's bytes are bad: from now on nothing computes with it, nor with those above. */
  drop(stage: number): void {
    if (stage > this.top) return;
    this.backend.detachStage(stage);
    const [file, ...above] = this.files.splice(stage) as [MappedStage, ...MappedStage[]];
    for (const one of above) void one.close();
    this.bad.set(stage, { file, counted: 0 });
    this.failures.set(stage, BAD_BYTES);
    this.top = stage - 1;
    this.events.dropped(stage);
    this.ground.abort();
    this.ground = new AbortController();
  }

  /** One stage up, unless a drop comes in between. */
  private async climb(stage: number, attempt: AbortSignal): Promise<void> {
    if (!this.bad.has(stage)) this.failures.delete(stage);
    const path = (await this.repaired(stage, attempt)) ?? (await this.source.stage(stage, attempt));
    attempt.throwIfAborted();
    const file = await MappedStage.open(stage, path, this.layer(stage), this.source.wanted(stage));
    const started = performance.now();
    this.attaching = stage;
    try {
      await this.backend.attachStage(stage, path);
      // Dropped between the engine's end and here: the engine has dropped this one too.
      attempt.throwIfAborted();
    } catch (error) {
      await this.notAttached(file, error, attempt);
      return;
    } finally {
      this.attaching = null;
    }
    this.files.push(file);
    this.failures.delete(stage);
    this.top = stage;
    this.events.attached(stage, performance.now() - started);
  }

  /** Either its bytes are bad, or the engine will never take it. */
  private async notAttached(file: MappedStage, error: unknown, attempt: AbortSignal): Promise<void> {
    const bad = attempt.aborted ? [] : await file.badChunks(attempt);
    if (bad.length === 0) {
      await file.close();
      attempt.throwIfAborted();
      // A file with holes that somebody has completed meanwhile has another name now.
      if (!existsSync(file.path)) throw error;
      throw new RefusedStage(error);
    }
    this.bad.set(file.stage, { file, counted: 0 });
    this.failures.set(file.stage, BAD_BYTES);
  }

  /** The new file of a stage whose bytes were bad; null if they were not. */
  private async repaired(stage: number, attempt: AbortSignal): Promise<string | null> {
    const bad = this.bad.get(stage);
    if (!bad) return null;
    const { file } = bad;
    const chunks = await file.badChunks(attempt);
    this.corruptChunks += Math.max(0, chunks.length - bad.counted);
    bad.counted = Math.max(bad.counted, chunks.length);
    // None: whoever damaged the file has put it right.
    const path = chunks.length === 0 ? file.path : await this.source.repair(stage, chunks, attempt);
    this.bad.delete(stage);
    await file.close();
    return path;
  }

  private layer(stage: number) {
    const layer = this.source.manifest.layers[stage];
    if (!layer) throw new RangeError(`stage: ${stage}, the ladder has ${this.count}`);
    return layer;
  }
}

const BAD_BYTES = 'its bytes on the disk are bad';

/** The engine refuses a stage whose bytes are right. */
class RefusedStage extends Error {
  constructor(override readonly cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}
