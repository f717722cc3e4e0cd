import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { failSpan, type Logger, type Span, type Tracing } from '@zen/telemetry';
import { askOf } from '../admission/ask-of';
import type { FrontQueue } from '../admission/front-queue';
import type { Answer, AnswerEnd, AnswerPiece, AnswerRequest } from '../answer/answer';
import type { Answerer } from '../answer/answerer';
import type { Waker } from '../asleep/waker';
import type { AnswerDelta } from '../deltas/answer-delta';
import type { DeltaResolver } from '../deltas/delta-resolver';
import type { Fleet } from '../fleet/fleet';
import { promptBytes } from '../fleet/traffic';
import { GatewayError } from '../gateway-error';
import type { Admission, ArtifactAdmission, Limiter } from '../keys/limiter';
import type { Tenant } from '../keys/tenant';
import type { GatewayMetrics } from '../observe/gateway-metrics';

export interface VisitServices {
  answerer: Answerer;
  fleet: Fleet;
  queue: FrontQueue;
  limiter: Limiter;
  deltas: DeltaResolver;
  waker: Waker;
  metrics: GatewayMetrics;
  tracing: Tracing;
  logger: Logger;
  now: () => number;
}

/** Made once: an abort without a reason makes an error with a stack trace for every request. */
const OVER = new Error('the request is over');

export type Headers = Readonly<Record<string, string | undefined>>;

/** What an answer needs beyond what the visit knows. */
export type AnswerSpec = Omit<AnswerRequest, 'requestId' | 'tenant' | 'carrier' | 'delta'>;

interface Progress {
  answer: Answer;
  end: AnswerEnd | undefined;
}

/**
 * One request from its arrival to the moment its connection is through with it, by whichever door it came: its
 * limits, its answers, and what is said about it in log, metrics and trace. `leave` frees everything.
 */
export class Visit {
  readonly requestId: string;
  private readonly abort = new AbortController();
  private readonly span: Span;
  private readonly enteredAtMs: number;
  private readonly progress: Progress[] = [];
  private admission: Admission | undefined;
  /** At the gateway, for a replica with room. */
  private waitedMs = 0;
  /** For a model that slept. */
  private wokenMs = 0;
  /** For the delta-store. */
  private resolvedMs = 0;
  private model = '';
  private delta: AnswerDelta | null = null;
  private failure: GatewayError | undefined;
  private left = false;
  private interrupted = false;
  /** Tokens of what is no answer of a thinker. */
  private readonly other = { prompt: 0, completion: 0 };

  constructor(
    private readonly services: VisitServices,
    readonly route: string,
    readonly tenant: Tenant,
    headers: Headers,
  ) {
    const asked = headers['x-request-id'];
    this.requestId = asked !== undefined && /^[\w.-]{1,128}$/.test(asked) ? asked : `req_${randomUUID()}`;
    this.enteredAtMs = services.now();
    // Each of its answers listens.
    setMaxListeners(0, this.abort.signal);
    const { traceparent, tracestate } = headers;
    const carrier = traceparent === undefined ? {} : { traceparent, ...(tracestate ? { tracestate } : {}) };
    this.span = services.tracing.start(route, carrier, { 'zen.request_id': this.requestId });
    services.metrics.entered();
  }

  /** The trace context for whoever is asked on its behalf. */
  get carrier(): Record<string, string> {
    return this.services.tracing.carry(this.span);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Counts the request against its key's limits; the headers say what is left. */
  async admit(model: string, promptTokens: number): Promise<Record<string, string>> {
    // Speech in a chat was let in before it was heard; the whole is settled at the end.
    if (this.admission) return this.admission.headers;
    this.model = model;
    const admission = await this.services.limiter.admit(this.tenant, promptTokens);
    if (this.left || this.interrupted) {
      admission.end(0);
      throw this.interruption() ?? new GatewayError('cancelled', 'the request was cancelled');
    }
    this.admission = admission;
    return admission.headers;
  }

  /** Counts bytes of an artifact against its key's limits of those. */
  admitArtifact(bytes: number): Promise<ArtifactAdmission> {
    return this.services.limiter.admitArtifact(this.tenant, bytes);
  }

  /** Starts all answers, or none: the first that fails ends the others. */
  async answers(specs: readonly AnswerSpec[]): Promise<Answer[]> {
    const { requestId, tenant, carrier } = this;
    const about = { requestId, tenant, carrier };
    const asked = specs.map((spec) => ({ ...spec, ...about }));
    const { answerer, fleet, queue, deltas, waker } = this.services;
    const arrivedMs = this.services.now();
    try {
      const bytes = asked.reduce((sum, { prompt }) => sum + promptBytes(prompt), 0);
      await waker.awake(asked[0]?.model ?? '', bytes, this.signal);
      this.wokenMs = this.services.now() - arrivedMs;
      // All of them ask for the same one.
      const delta = asked[0] ? await deltas.resolve(asked[0], this.signal) : null;
      this.delta = delta;
      this.resolvedMs = this.services.now() - arrivedMs - this.wokenMs;
      const requests = asked.map((one): AnswerRequest => ({ ...one, delta }));
      const askedAtMs = this.services.now();
      const check = () => {
        for (const request of requests) answerer.check(request);
      };
      const start = (waited: boolean) => {
        this.waitedMs = this.services.now() - askedAtMs;
        return Promise.all(requests.map((request) => this.start(request, waited)));
      };
      return await queue.run(askOf(fleet, requests), { check, start }, this.signal);
    } catch (error) {
      this.abort.abort(OVER);
      throw this.interruption() ?? error;
    }
  }

  /** Speech that was made or understood on its behalf, in tokens. */
  count(promptTokens: number, completionTokens: number): void {
    this.other.prompt += promptTokens;
    this.other.completion += completionTokens;
  }

  /** Why it really failed: where the server has ended it, that. */
  explained(error: GatewayError): GatewayError {
    return this.interruption() ?? error;
  }

  failed(error: GatewayError): void {
    this.failure ??= error;
    if (error.failure === 'internal') {
      this.services.logger.error({ requestId: this.requestId, err: error.cause ?? error }, 'request failed');
    }
  }

  /** The server ends it: an answer that is under way fails as unavailable, not as left by its caller. */
  interrupt(): void {
    this.interrupted = true;
    this.abort.abort(OVER);
  }

  /** The connection is through with the request; `complete` is false when the caller went away before its end. */
  leave(status: number, complete: boolean): void {
    if (this.left) return;
    this.left = true;
    // An answer that has ended closes by itself; cancelling it now would only be told to its thinker as a failure.
    if (!complete || this.progress.some(({ end }) => !end)) this.abort.abort(OVER);
    const usage = this.progress.map(({ end }) => end?.usage);
    const promptTokens = (usage[0]?.promptTokens ?? 0) + this.other.prompt;
    const answered = usage.reduce((sum, one) => sum + (one?.completionTokens ?? 0), 0);
    const completionTokens = answered + this.other.completion;
    this.admission?.end(promptTokens + completionTokens);
    const shown = complete || status >= 400 ? status : 499;
    this.services.metrics.left(this.route, shown, this.model);
    this.services.metrics.served(this.tenant.name, shown, promptTokens, completionTokens);
    if (this.failure) this.services.metrics.refused(this.failure.failure);
    this.report(shown, promptTokens, completionTokens);
  }

  private async start(request: AnswerRequest, waited: boolean): Promise<Answer> {
    const answer = await this.services.answerer.start(request, this.signal, waited);
    const sinceMs = this.services.now() - this.enteredAtMs;
    const elsewhereMs = this.waitedMs + this.resolvedMs + this.wokenMs + answer.thinkerMs;
    this.services.metrics.started(answer, sinceMs - elsewhereMs);
    this.services.waker.used(answer.model);
    if (request.delta) this.services.metrics.answeredWith(answer.model, request.delta.recipe);
    const progress: Progress = { answer, end: undefined };
    this.progress.push(progress);
    return { ...answer, events: this.counted(progress) };
  }

  private async *counted(progress: Progress): AsyncGenerator<AnswerPiece | AnswerEnd> {
    const firstAtMs = this.services.now();
    try {
      for await (const event of progress.answer.events) {
        if (event.kind === 'end') {
          progress.end = event;
          this.services.metrics.ended(progress.answer, event, this.services.now() - firstAtMs);
        }
        yield event;
      }
    } catch (error) {
      throw this.interruption() ?? error;
    }
  }

  private interruption(): GatewayError | undefined {
    if (!this.interrupted) return undefined;
    return new GatewayError('unavailable', 'the gateway is shutting down', { retryAfterS: 1 });
  }

  private report(status: number, promptTokens: number, completionTokens: number): void {
    const answer = this.progress[0]?.answer;
    const { stage, reason, route, replica, ttftMs } = answer ?? {};
    const facts = {
      requestId: this.requestId,
      tenant: this.tenant.name,
      route: this.route,
      status,
      ...(answer
        ? { model: answer.model, stage, reason, route, replica, ttftMs: Math.round(ttftMs ?? 0) }
        : {}),
      ...(this.delta ? { delta: this.delta.digest } : {}),
      ...(this.failure ? { failure: this.failure.failure, param: this.failure.param } : {}),
      promptTokens,
      completionTokens,
      waitedMs: Math.round(this.waitedMs + this.wokenMs),
      durationMs: Math.round(this.services.now() - this.enteredAtMs),
    };
    this.services.logger.info(facts, 'request');
    if (stage !== undefined) this.span.setAttribute('zen.stage', stage);
    if (reason !== undefined) this.span.setAttribute('zen.stage_reason', reason);
    if (this.delta) this.span.setAttribute('zen.delta', this.delta.digest);
    this.span.setAttribute('http.response.status_code', status);
    if (status >= 500) failSpan(this.span, this.failure?.failure ?? 'failed');
    this.span.end();
  }
}
