import { BatchingError, type BatchRequest, type GenerationEvent } from '@zen/batching';
import { FinishReason, type GenerateRequest, type GenerateResponse, Usage } from '@zen/contracts';
import { cacheScope } from '@zen/deltas';
import type { CallContext } from '@zen/rpc';
import { failSpan, type Logger, type Span, type Tracing } from '@zen/telemetry';
import type { ServedDeltas } from '../deltas/served-deltas';
import type { DeltaLease } from '../deltas/slot-tier';
import type { ServedExperts } from '../experts/served-experts';
import type { PromptLimits } from '../request/prompt-limits';
import { readGenerate } from '../request/read-generate';
import { ThinkerError } from '../request/thinker-error';
import type { OpenedModel, Replica } from '../serving/replica';
import type { ServedModel } from '../serving/served-model';
import type { StageClimb } from '../serving/stage-climb';
import { nowUs, type StepLoop } from '../serving/step-loop';
import type { Outcome, ThinkerMetrics } from '../thinker-metrics';
import { AnswerEvents } from './answer-events';
import { endedAlready } from './ended-already';

/** A model that is here, as far as it is. */
export interface Serving {
  model: ServedModel;
  loop: StepLoop;
  climb: StageClimb;
  limits: PromptLimits;
  /** Null where this replica takes none. */
  deltas: ServedDeltas | null;
  /** Null where the model is dense. */
  experts: ServedExperts | null;
  source: OpenedModel['source'];
}

export interface Observers {
  metrics: ThinkerMetrics;
  tracing: Tracing;
  logger: Logger;
}

/** An answer ends before its deadline, so that its last message still arrives: by a tenth, at most this long. */
const DEADLINE_MARGIN_US = 100_000;

const OUTCOMES: Partial<Record<FinishReason, Outcome>> = {
  [FinishReason.FINISH_REASON_STOP]: 'stop',
  [FinishReason.FINISH_REASON_LENGTH]: 'length',
  [FinishReason.FINISH_REASON_CANCELLED]: 'cancelled',
  [FinishReason.FINISH_REASON_DEADLINE]: 'deadline',
};

/** Answers one request: checks it, queues it, and streams what the scheduler gives. */
export class Answerer {
  constructor(
    private readonly replica: Replica,
    private readonly observers: Observers,
  ) {}

  async *answer(request: GenerateRequest, context: CallContext): AsyncGenerator<GenerateResponse> {
    const { metrics, tracing } = this.observers;
    const span = tracing.start('thinker.generate', context.metadata);
    const watch = new Stopwatch(metrics);
    let lease: DeltaLease | null = null;
    try {
      const read = this.read(request, context);
      lease = await this.lease(request, read.deadlineUs, context.signal);
      const tenant = lease?.id.tenant ?? read.tenant;
      const scope = lease?.id.scope ?? cacheScope(tenant, null);
      const batched = { ...read, tenant, identity: { delta: lease?.slot ?? null, scope } };
      yield* this.stream(batched, lease, request, context, watch, span);
    } catch (error) {
      failSpan(span, error instanceof Error ? error.name : 'error');
      throw error;
    } finally {
      lease?.release();
      span.end();
    }
  }

  /** The delta that the request names, in a slot; null where it names none. */
  private async lease(
    { delta, tenant }: GenerateRequest,
    deadlineUs: number,
    signal: AbortSignal,
  ): Promise<DeltaLease | null> {
    if (!delta) return null;
    const late = new Deadline(deadlineUs);
    try {
      const { deltas } = this.replica.require();
      if (!deltas) throw new ThinkerError('deltas_off', 'delta: this replica takes none');
      return await deltas.acquire(delta, tenant, AbortSignal.any([signal, late.signal]));
    } catch (error) {
      this.observers.metrics.ended('refused');
      throw error;
    } finally {
      late.stop();
    }
  }

  private read(request: GenerateRequest, { deadline }: CallContext): BatchRequest {
    const untilUs = (deadline - Date.now()) * 1000;
    const leftUs = untilUs - Math.min(DEADLINE_MARGIN_US, Math.max(0, untilUs) / 10);
    try {
      const { model, climb, limits } = this.replica.require();
      this.replica.wanted.saw(request);
      return readGenerate(request, model, limits, climb, nowUs() + leftUs);
    } catch (error) {
      this.observers.metrics.ended('refused');
      throw error;
    }
  }

  private async *stream(
    request: BatchRequest,
    lease: DeltaLease | null,
    { requestId, cutAtToken }: GenerateRequest,
    { signal }: CallContext,
    watch: Stopwatch,
    span: Span,
  ): AsyncGenerator<GenerateResponse> {
    const { model, loop, climb } = this.replica.require();
    const { sampling, sampled = [] } = request;
    const delta = lease?.id.digest ?? '';
    const answer = new AnswerEvents(model.tokenizer, sampling, sampled, cutAtToken, delta);
    const told = { requestId, delta, resumed: sampled.length, watch, span };
    const stage = request.stage ?? climb.top;
    const context = { contextTokens: loop.scheduler.contextTokens, stage };
    const ended = endedAlready(request, answer.stopped, model.tokenizer, context);
    if (ended) {
      watch.saw(ended);
      for (const message of answer.messages(ended)) {
        this.tell(message, told);
        yield message;
      }
      return;
    }
    const generation = this.submit(request, loop);
    const endings = lease ? [signal, lease.lost] : [signal];
    const cancel = () => generation.cancel();
    for (const ending of endings) ending.addEventListener('abort', cancel, { once: true });
    if (endings.some(({ aborted }) => aborted)) cancel();
    try {
      for await (const events of generation) {
        watch.saw(events);
        for (const message of answer.messages(events)) {
          // Nothing that was computed with a delta that is gone leaves from here on.
          lease?.lost.throwIfAborted();
          this.tell(message, told);
          yield message;
        }
        if (answer.stopped) generation.cancel();
      }
    } catch (error) {
      // Else whoever asks would take this replica for ill, and try the next one with it.
      if (lease && error instanceof BatchingError && error.failure === 'not-finite') {
        throw new ThinkerError('delta_corrupt', `delta: ${error.message}`, { cause: error });
      }
      if (lease?.lost.aborted || !(error instanceof ThinkerError)) this.observers.metrics.ended('failed');
      throw error;
    } finally {
      for (const ending of endings) ending.removeEventListener('abort', cancel);
    }
  }

  private tell({ event }: GenerateResponse, about: Told): void {
    if (event?.$case === 'finished') this.finished(event.value, about);
  }

  private submit(request: BatchRequest, loop: StepLoop) {
    try {
      return loop.scheduler.submit(request, nowUs());
    } catch (error) {
      this.observers.metrics.ended('refused');
      throw error;
    }
  }

  private finished(
    { reason, usage = NO_USAGE }: { reason: FinishReason; usage?: Usage | undefined },
    { requestId, delta, resumed, watch, span }: Told,
  ): void {
    const { metrics, logger } = this.observers;
    const outcome = OUTCOMES[reason] ?? 'failed';
    // Tokens that another call gave were counted there.
    const completionTokens = Math.max(0, usage.completionTokens - resumed);
    metrics.answered(outcome, { ...usage, completionTokens });
    const { stage } = watch;
    const seen = {
      stage,
      outcome,
      ...(delta === '' ? {} : { delta }),
      ...usage,
      ttftMs: Math.round(watch.ttftMs),
    };
    logger.info({ requestId, ...seen }, 'answered');
    span.setAttributes(seen);
    if (outcome === 'deadline' && usage.completionTokens === 0) {
      throw new ThinkerError('deadline', 'the deadline passed before the first token');
    }
  }
}

const NO_USAGE = Usage.create();

/** What log and metrics say of an answer at its end. */
interface Told {
  requestId: string;
  /** Digest of the delta that answers; empty for the base. */
  delta: string;
  /** Tokens that another call gave. */
  resumed: number;
  watch: Stopwatch;
  span: Span;
}

/** Fires with a ThinkerError when a time on the loop's clock has come. */
class Deadline {
  private readonly late = new AbortController();
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(atUs: number) {
    const leftMs = Math.max(0, (atUs - nowUs()) / 1000);
    if (leftMs > LONGEST_TIMER_MS) return;
    const error = new ThinkerError('deadline', 'the deadline passed before the delta was there');
    this.timer = setTimeout(() => this.late.abort(error), leftMs);
  }

  get signal(): AbortSignal {
    return this.late.signal;
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** What a timer of the platform can wait; a request that may take longer has no deadline here. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Times of one answer's tokens. */
class Stopwatch {
  private readonly started = performance.now();
  private last = Number.NaN;
  /** Milliseconds to the first token; NaN before it. */
  ttftMs = Number.NaN;
  stage = 0;

  constructor(private readonly metrics: ThinkerMetrics) {}

  saw(events: readonly GenerationEvent[]): void {
    const tokens = events.filter((event) => event.type === 'token');
    const now = performance.now();
    for (const event of events) if (event.type !== 'finished') this.stage = event.stage;
    if (tokens.length === 0) return;
    if (Number.isNaN(this.last)) {
      this.ttftMs = now - this.started;
      this.metrics.firstToken(this.stage, this.ttftMs / 1000);
    } else {
      this.metrics.nextTokens(this.stage, tokens.length, (now - this.last) / 1000);
    }
    this.last = now;
  }
}
