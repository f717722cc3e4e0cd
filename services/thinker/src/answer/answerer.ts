import type { BatchRequest, GenerationEvent } from '@zen/batching';
import { FinishReason, type GenerateRequest, type GenerateResponse, Usage } from '@zen/contracts';
import type { CallContext } from '@zen/rpc';
import { failSpan, type Logger, type Span, type Tracing } from '@zen/telemetry';
import { readGenerate } from '../request/read-generate';
import type { PromptLimits } from '../request/read-prompt';
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
    try {
      yield* this.stream(this.read(request, context), request, context, watch, span);
    } catch (error) {
      failSpan(span, error instanceof Error ? error.name : 'error');
      throw error;
    } finally {
      span.end();
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
    { requestId, cutAtToken }: GenerateRequest,
    { signal }: CallContext,
    watch: Stopwatch,
    span: Span,
  ): AsyncGenerator<GenerateResponse> {
    const { model, loop, climb } = this.replica.require();
    const { sampling, sampled = [] } = request;
    const answer = new AnswerEvents(model.tokenizer, sampling, sampled, cutAtToken);
    const told = { requestId, resumed: sampled.length, watch, span };
    const stage = request.stage ?? climb.top;
    const context = { contextTokens: loop.scheduler.contextTokens, stage };
    const ended = endedAlready(request, answer.stopped, model.tokenizer, context);
    if (ended) {
      watch.saw(ended);
      for (const message of this.told(answer.messages(ended), told)) yield message;
      return;
    }
    const generation = this.submit(request, loop);
    const cancel = () => generation.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      for await (const events of generation) {
        watch.saw(events);
        for (const message of this.told(answer.messages(events), told)) yield message;
        if (answer.stopped) generation.cancel();
      }
    } catch (error) {
      if (!(error instanceof ThinkerError)) this.observers.metrics.ended('failed');
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  private *told(messages: Iterable<GenerateResponse>, about: Told): Generator<GenerateResponse> {
    for (const message of messages) {
      if (message.event?.$case === 'finished') this.finished(message.event.value, about);
      yield message;
    }
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
    { requestId, resumed, watch, span }: Told,
  ): void {
    const { metrics, logger } = this.observers;
    const outcome = OUTCOMES[reason] ?? 'failed';
    // Tokens that another call gave were counted there.
    const completionTokens = Math.max(0, usage.completionTokens - resumed);
    metrics.answered(outcome, { ...usage, completionTokens });
    const { stage } = watch;
    const seen = { stage, outcome, ...usage, ttftMs: Math.round(watch.ttftMs) };
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
  /** Tokens that another call gave. */
  resumed: number;
  watch: Stopwatch;
  span: Span;
}

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
