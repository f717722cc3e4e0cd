import { keepHeard } from './conversation';
import type { Happening, Question } from './ports';
import { RealtimeFailure } from './realtime-error';
import { type Ending, Response } from './response';
import { questionOf, type ResponseParams, type ResponseRequest, readResponse } from './response-request';
import type { SessionCore } from './session-core';

interface Active {
  response: Response;
  request: ResponseRequest;
}

/** What can happen to a response. */
export type OfResponse = Extract<Happening, { responseId: string }>;

/** The responses of a session: one of the conversation at a time, and some out of band. */
export class Responses {
  /** Whether any audio has gone out: from then on the voice stays. */
  hasSpoken = false;
  private main: Active | null = null;
  private readonly others = new Map<string, Active>();
  private prefilling = false;

  constructor(
    private readonly core: SessionCore,
    /** The conversation's own one is over. */
    private readonly onMainEnded: (completed: boolean, playsUntilMs: number, nowMs: number) => void,
  ) {}

  get active(): boolean {
    return this.main !== null || this.others.size > 0;
  }

  get busy(): boolean {
    return this.main !== null;
  }

  /** `sinceMs`: when what it answers was committed. @throws RealtimeFailure where it may not begin */
  create(params: ResponseParams, sinceMs: number): void {
    const { core } = this;
    const { config, options, conversation } = core;
    if (config.type === 'transcription') {
      throw new RealtimeFailure(
        'invalid_value',
        'response.create: a transcription session gives no responses',
      );
    }
    const request = readResponse(params, config, conversation);
    if (request.outOfBand && this.others.size >= options.limits.maxOutOfBand) {
      const message = `response.create: ${this.others.size} out-of-band responses are active, the limit`;
      throw new RealtimeFailure('too_many_responses', message, null, 'rate_limit_error');
    }
    if (!request.outOfBand && this.main) {
      const message = `conversation already has an active response: ${this.main.response.id}; wait for response.done or cancel it`;
      throw new RealtimeFailure('conversation_already_has_active_response', message);
    }
    const response = new Response({
      id: options.newId('resp'),
      conversation: request.outOfBand ? null : conversation,
      conversationId: core.conversationId,
      modality: request.modality,
      voicing: request.voicing,
      metadata: request.metadata,
      maxTokens: request.question.maxTokens,
      timings: config.timings,
      newItemId: () => options.newId('item'),
      sinceMs,
    });
    const active = { response, request };
    if (request.outOfBand) this.others.set(response.id, active);
    else this.main = active;
    core.send(response.created());
  }

  /** Those whose input is understood by now are asked for. */
  ask(): void {
    for (const active of this.all()) {
      const { response, request } = active;
      if (response.asked || (request.input === null && this.core.conversation.pending)) continue;
      response.asked = true;
      this.stopPrefill();
      this.askFor(active);
    }
  }

  /** The input of those that wait for it was understood, or nothing will be. */
  heard(nowMs: number, sinceMs: number): void {
    for (const { response } of this.all()) {
      if (!response.asked) response.hops.transcript_ms = Math.max(0, Math.round((nowMs - sinceMs) * 10) / 10);
    }
  }

  /** What was said cannot be understood: whoever waits for it fails. */
  unheard(failure: RealtimeFailure, nowMs: number): void {
    for (const active of [...this.all()]) {
      if (!active.response.asked && active.request.input === null) {
        this.end(active, { status: 'failed', failure }, nowMs);
      }
    }
  }

  /** @throws RealtimeFailure where there is none to cancel */
  cancelAsked(responseId: string | undefined, nowMs: number): void {
    const active = responseId === undefined ? this.main : this.find(responseId);
    if (!active) {
      const which = responseId === undefined ? 'no active response' : `no active response "${responseId}"`;
      throw new RealtimeFailure('response_cancel_not_active', `response.cancel: ${which}`, 'response_id');
    }
    this.cancel(active, 'client_cancelled', nowMs);
  }

  /** Whatever the conversation's response still says is not said. */
  interrupt(reason: 'turn_detected' | 'client_cancelled', nowMs: number): void {
    if (this.main) this.cancel(this.main, reason, nowMs);
    this.silence(nowMs);
  }

  cancelAll(nowMs: number): void {
    for (const active of [...this.all()]) this.cancel(active, 'client_cancelled', nowMs);
  }

  handle(happening: OfResponse, nowMs: number): void {
    const active = this.find(happening.responseId);
    // What comes of a response that was cancelled meanwhile is for nobody.
    if (!active) return;
    const { response } = active;
    const { core } = this;
    switch (happening.t) {
      case 'answering':
        response.answering(happening);
        break;
      case 'speaking':
        response.speaking(happening);
        break;
      case 'text':
        core.send(...response.piece(happening, nowMs));
        core.makeRoom();
        break;
      case 'call':
        core.send(...response.call(happening, nowMs));
        core.makeRoom();
        break;
      case 'clause':
        core.send(...response.clause(happening, nowMs));
        break;
      case 'audio':
        this.hasSpoken = true;
        core.send(...response.audio(happening, nowMs));
        break;
      case 'text-ended':
        response.textEnded(happening);
        if (response.silent) this.end(active, response.natural, nowMs);
        return;
      case 'speech-ended':
        this.end(active, response.natural, nowMs);
        break;
      case 'failed':
        this.failed(active, happening.failure, nowMs);
        break;
    }
  }

  /** Computes what a question would begin with if its user said `text` and more. */
  prefill(text: string): void {
    const { config, conversation } = this.core;
    if (config.type !== 'realtime' || conversation.pending || this.main) return;
    const request = readResponse({}, config, conversation);
    const turns = conversation.turns();
    if (text !== '') turns.push({ role: 'user', content: text });
    const question: Question = questionOf(request, turns);
    if (question.turns.length === 0) return;
    this.prefilling = true;
    this.core.wish({ t: 'prefill', question });
  }

  stopPrefill(): void {
    if (!this.prefilling) return;
    this.prefilling = false;
    this.core.wish({ t: 'prefill-off' });
  }

  private *all(): Generator<Active> {
    if (this.main) yield this.main;
    yield* this.others.values();
  }

  private find(id: string): Active | undefined {
    return this.main?.response.id === id ? this.main : this.others.get(id);
  }

  private askFor({ response, request }: Active): void {
    const question = questionOf(request, this.core.conversation.turns(), response.skips);
    this.core.wish({ t: 'answer', responseId: response.id, question, voicing: request.voicing });
  }

  /** A conversation that no longer fits its model is asked again without its older half, where the session allows. */
  private failed(active: Active, failure: RealtimeFailure, nowMs: number): void {
    const { response, request } = active;
    const turns = request.input ?? this.core.conversation.turns();
    const left = turns.length - response.skips;
    const tooLong = failure.code === 'context_length_exceeded' && !response.begun;
    if (tooLong && this.core.config.truncates && left > 1) {
      response.skips += Math.ceil(left / 2);
      this.askFor(active);
      return;
    }
    this.end(active, { status: 'failed', failure }, nowMs);
  }

  private cancel(active: Active, reason: 'turn_detected' | 'client_cancelled', nowMs: number): void {
    this.core.wish({ t: 'cancel', responseId: active.response.id });
    const { spoken } = active.response;
    // Nobody hears faster than time passes; audio that was not sent was not heard.
    const ms = spoken?.spoken;
    if (spoken && ms)
      keepHeard(spoken, Math.min(ms.sentMs, ms.firstAtMs === null ? 0 : nowMs - ms.firstAtMs));
    this.end(active, { status: 'cancelled', reason }, nowMs);
  }

  /** What was sent and cannot have been played yet is not played: its client is told to drop it. */
  private silence(nowMs: number): void {
    const { conversation } = this.core;
    const entry = conversation.lastSpoken();
    const spoken = entry?.spoken;
    if (!entry || !spoken || spoken.firstAtMs === null) return;
    const heardMs = nowMs - spoken.firstAtMs;
    if (heardMs >= spoken.sentMs || spoken.cleared) return;
    spoken.cleared = true;
    keepHeard(entry, heardMs);
    this.core.send({ type: 'output_audio_buffer.cleared', response_id: spoken.responseId });
  }

  private end(active: Active, ending: Ending, nowMs: number): void {
    const { response } = active;
    const { core } = this;
    core.send(...response.finish(ending));
    core.wish({ t: 'ended', responseId: response.id, status: ending.status, hops: response.hops });
    if (active !== this.main) {
      this.others.delete(response.id);
      return;
    }
    this.main = null;
    const spoken = response.spoken?.spoken;
    const playsUntilMs = spoken ? (spoken.firstAtMs ?? nowMs) + spoken.sentMs : nowMs;
    this.onMainEnded(ending.status === 'completed', Math.max(nowMs, playsUntilMs), nowMs);
  }
}
