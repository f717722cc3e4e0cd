import { DistributionError, Scrubber, type StagedLadder } from '@zen/distribution';
import { pause } from '@zen/pause';
import type { Serving } from '../answer/answerer';
import { limitsOf, promptBytesOf, type ThinkerConfig } from '../config';
import type { OpenDeltas } from '../deltas/open-deltas';
import type { OpenExperts } from '../experts/open-experts';
import { ThinkerError } from '../request/thinker-error';
import type { StageBackend } from './engine-backend';
import { measureStage } from './measure-stage';
import type { ServedModel } from './served-model';
import { StageClimb } from './stage-climb';
import { StepLoop, type StepObserver } from './step-loop';
import { WantedStages } from './wanted-stages';

/** A model whose metadata is there; its stages may still be on their way. */
export interface OpenedModel {
  model: ServedModel;
  backend: StageBackend;
  source: Pick<StagedLadder, 'manifest' | 'progress' | 'run' | 'stage' | 'wanted' | 'repair' | 'close'>;
}

/** Gets a model's metadata; `use` is what the download asks for (see DownloadOptions). */
export type OpenModel = (signal: AbortSignal, use: () => readonly number[]) => Promise<OpenedModel>;

export interface ReplicaEvents extends StepObserver {
  /** The metadata is there. */
  opened(serving: Serving): void;
  /** Whether requests that name no stage are answered may have changed. */
  moved(): void;
  attached(stage: number, elapsedMs: number): void;
  dropped(stage: number): void;
  /** Opening, fetching or attaching failed; `again`: it is tried later. */
  failed(what: string, error: unknown, again: boolean): void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const STAGES = 5;

/** The model on its way into this process: absent, then served stage by stage, then complete. */
export class Replica {
  serving: Serving | null = null;
  readonly wanted = new WantedStages(STAGES);
  /** Why the model's metadata or bytes do not come; null while all is well. */
  fault: string | null = null;
  private opened: OpenedModel | null = null;
  private readonly measured = new Set<number>();
  private readonly leaving = new AbortController();

  constructor(
    private readonly config: ThinkerConfig,
    private readonly open: OpenModel,
    private readonly events: ReplicaEvents,
    /** Null where it takes no deltas. */
    private readonly openDeltas: OpenDeltas | null = null,
    private readonly openExperts: OpenExperts | null = null,
  ) {}

  /** Whether new requests that name no stage are welcome. */
  get ready(): boolean {
    if (this.draining.aborted || !this.serving) return false;
    const { climb, experts } = this.serving;
    return climb.ready && (experts?.answers(climb.top) ?? true);
  }

  /** Aborted once it says that it goes; it goes on answering whoever asks all the same. */
  get draining(): AbortSignal {
    return this.leaving.signal;
  }

  drain(): void {
    this.leaving.abort();
    this.events.moved();
  }

  /** The model, for whatever needs tokenizer or configuration. */
  require(): Serving {
    if (this.serving) return this.serving;
    const why = this.fault ?? 'its metadata is on its way';
    throw new ThinkerError('not-ready', `the model is not here yet: ${why}`);
  }

  /**
   * Fetches, attaches and watches over the model until `signal`. `settled` is called whenever it answers from the
   * best stage that it can have for now. Rejects where it can never answer.
   */
  async run(signal: AbortSignal, settled: () => void): Promise<void> {
    const opened = await this.opening(signal);
    if (!opened) return;
    const { climb, loop } = this.serve(opened);
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const scrubber = new Scrubber({
      bytesPerSecond: this.config.scrubRate,
      files: () => climb.attached,
      found: ({ stage }) => climb.drop(stage),
    });
    let hopeless: Error | null = null;
    let served = false;
    const settle = (again: boolean) => {
      this.measure(opened, climb, loop);
      if (climb.ready) {
        served = true;
        settled();
      } else if (!again && !served) {
        hopeless = noServable(climb);
        ending.abort();
      }
    };
    try {
      await Promise.all([climb.run(either, settle), this.fetch(opened.source, either), scrubber.run(either)]);
    } finally {
      ending.abort();
    }
    if (hopeless) throw hopeless;
  }

  /** Ends every request; afterwards nothing of the model is used. Only after `run` has ended. */
  async close(): Promise<void> {
    if (!this.opened) return;
    const { backend, source } = this.opened;
    await this.serving?.loop.stop();
    await this.serving?.deltas?.close();
    await this.serving?.experts?.close();
    backend.close();
    await source.close();
  }

  /** The metadata; an origin that does not answer is asked again. */
  private async opening(signal: AbortSignal): Promise<OpenedModel | null> {
    for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      try {
        this.opened = await this.open(signal, () => this.wanted.share());
        this.fault = null;
        return this.opened;
      } catch (error) {
        if (signal.aborted) return null;
        if (!isTransient(error)) throw error;
        this.fault = error.message;
        this.events.failed('metadata', error, true);
        await pause(retryMs, signal);
      }
    }
    return null;
  }

  private serve({ model, backend, source }: OpenedModel): Serving {
    const { config, events } = this;
    const experts = (backend.experts && this.openExperts?.(model, backend.experts)) ?? null;
    const loop = new StepLoop(backend, limitsOf(config, model.contextTokens), {
      step: (plan, outputs, elapsedUs) => {
        experts?.saw(outputs);
        events.step(plan, outputs, elapsedUs);
      },
      stepFailed: (error) => events.stepFailed(error),
    });
    const stages = experts?.gate(source) ?? source;
    const climb: StageClimb = new StageClimb(backend, stages, model.minServable, {
      attached: (stage, elapsedMs) => {
        loop.scheduler.setTopStage(stage);
        events.attached(stage, elapsedMs);
        events.moved();
        // Attaching takes the cores, and measures beside it would show that: only while bytes are awaited.
        const next = source.progress().stages[stage + 1];
        if (next && next.state !== 'complete') this.measure({ model, backend }, climb, loop);
      },
      dropped: (stage) => {
        loop.scheduler.dropStage(stage, climb.ready ? climb.top : null);
        events.dropped(stage);
        events.moved();
      },
      failed: (stage, error, again) => events.failed(`stage ${stage}`, error, again),
    });
    const { contextTokens } = loop.scheduler;
    const limits = {
      promptTokens: contextTokens - 1,
      promptBytes: promptBytesOf(config, contextTokens),
      hiddenSize: model.hiddenSize,
      vocabSize: model.vocabSize,
    };
    const deltas = (backend.deltas && this.openDeltas?.(model, backend.deltas)) ?? null;
    this.serving = { model, loop, climb, limits, deltas, experts, source };
    loop.start();
    experts?.start(() => {
      loop.scheduler.expertsMoved();
      events.moved();
    });
    deltas?.start((error) => events.failed('deltas', error, false));
    events.opened(this.serving);
    return this.serving;
  }

  private async fetch(source: OpenedModel['source'], signal: AbortSignal): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      try {
        await source.run(signal);
        this.fault = null;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.fault = (error as Error).message;
        this.events.failed('fetching', error, true);
        await pause(retryMs, signal);
      }
    }
  }

  /** Measures what is attached and not measured yet, the highest first, while there is no request. */
  private measure(
    { model, backend }: Pick<OpenedModel, 'model' | 'backend'>,
    climb: StageClimb,
    loop: StepLoop,
  ) {
    for (let stage = climb.top; stage >= 0; stage--) {
      if (this.measured.has(stage)) continue;
      this.measured.add(stage);
      loop.whenIdle(() =>
        measureStage(stage, model.vocabSize, backend, loop.scheduler, (one) => climb.top >= one),
      );
    }
  }
}

/** No answer from the origin: that may pass. Anything else names a mistake, which asking again does not mend. */
function isTransient(error: unknown): error is DistributionError {
  return error instanceof DistributionError && error.failure === 'network';
}

function noServable({ top, minServable, failures }: StageClimb): Error {
  const why = failures.get(top + 1) ?? 'no reason given';
  return new Error(
    `no servable stage: ${top + 1} of at least ${minServable + 1} stages attached, stage ${top + 1}: ${why}`,
  );
}
