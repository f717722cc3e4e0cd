import { keepHeard } from './conversation';
import type { ClientEvent, Item } from './events';
import type { Happening, Output } from './ports';
import { RealtimeFailure } from './realtime-error';
import { Responses } from './responses';
import { described, type SessionConfig, updated } from './session-config';
import { SessionCore, type SessionOptions } from './session-core';
import { storedItem } from './stored-item';
import { TurnTaking } from './turn-taking';

export type { SessionOptions };

/**
 * One Realtime session as a state machine: what happens goes in, events for the client and wishes to the world come
 * out. It holds no clock, no socket and no audio.
 */
export class RealtimeSession {
  private readonly core: SessionCore;
  private readonly responses: Responses;
  private readonly turns: TurnTaking;
  private leaving = false;
  private closed = false;

  constructor(options: SessionOptions) {
    this.core = new SessionCore(options);
    this.responses = new Responses(this.core, (completed, playsUntilMs) =>
      this.turns.answered(completed, playsUntilMs),
    );
    this.turns = new TurnTaking(this.core, this.responses);
  }

  /** The first events. */
  begin(): Output[] {
    const { core } = this;
    const { resumeToken } = core.options;
    const session = core.described;
    const more = resumeToken === null ? {} : { 'x-zen': { ...session['x-zen'], resume_token: resumeToken } };
    core.send({ type: 'session.created', session: { ...session, ...more } });
    const conversation = { id: core.conversationId, object: 'realtime.conversation' } as const;
    core.send({ type: 'conversation.created', conversation });
    return core.take();
  }

  get config(): SessionConfig {
    return this.core.config;
  }

  /** When `time` should come next, on the clock of `nowMs`; Infinity for never. */
  get nextMs(): number {
    const { beganMs, limits } = this.core.options;
    return Math.min(this.turns.idleAtMs, beganMs + limits.maxSessionMs);
  }

  /** Whether a response is being made. */
  get active(): boolean {
    return this.responses.active;
  }

  handle(happening: Happening, nowMs: number): Output[] {
    if (this.closed) return [];
    const { core, turns } = this;
    switch (happening.t) {
      case 'client':
        this.client(happening.event, nowMs);
        break;
      case 'refused':
        core.fail(happening.failure, happening.eventId);
        break;
      case 'speech-started':
        if (happening.call === core.input.call) turns.speechStarted(happening, nowMs);
        break;
      case 'speech-stopped':
        if (happening.call === core.input.call) turns.speechStopped(happening, nowMs);
        break;
      case 'transcript':
        turns.transcript(happening, nowMs);
        break;
      case 'listen-failed':
        turns.failed(happening, nowMs);
        break;
      case 'limits':
        core.send({ type: 'rate_limits.updated', rate_limits: happening.limits });
        break;
      case 'time':
        this.time(nowMs);
        break;
      case 'leaving':
        this.leaving = true;
        if (happening.now) this.responses.cancelAll(nowMs);
        break;
      default:
        this.responses.handle(happening, nowMs);
    }
    turns.answer(nowMs);
    this.responses.ask();
    if (this.leaving && !this.responses.active) this.leave();
    return core.take();
  }

  private client(event: ClientEvent, nowMs: number): void {
    try {
      this.clientEvent(event, nowMs);
    } catch (error) {
      if (!(error instanceof RealtimeFailure)) throw error;
      this.core.fail(error, event.event_id ?? null);
    }
  }

  private clientEvent(event: ClientEvent, nowMs: number): void {
    const { core, turns, responses } = this;
    switch (event.type) {
      case 'session.update': {
        const before = core.config;
        const { instructions = '' } = event.session.type === 'realtime' ? event.session : {};
        core.checkText(instructions.length, 'session.instructions');
        core.config = updated(before, event.session, responses.hasSpoken);
        turns.changed(before);
        core.send({ type: 'session.updated', session: core.described });
        break;
      }
      case 'input_audio_buffer.append':
        turns.append(event.audio);
        break;
      case 'input_audio_buffer.commit':
        turns.commit(nowMs);
        break;
      case 'input_audio_buffer.clear':
        turns.clear();
        break;
      case 'output_audio_buffer.clear':
        responses.interrupt('client_cancelled', nowMs);
        break;
      case 'conversation.item.create':
        this.createItem(event.item as Item, event.previous_item_id);
        break;
      case 'conversation.item.retrieve': {
        const { item } = core.known(event.item_id, 'item_retrieve_invalid_item_id');
        core.send({ type: 'conversation.item.retrieved', item: structuredClone(item) });
        break;
      }
      case 'conversation.item.delete':
        core.conversation.delete(event.item_id);
        core.send({ type: 'conversation.item.deleted', item_id: event.item_id });
        break;
      case 'conversation.item.truncate':
        this.truncate(event);
        break;
      case 'response.create':
        responses.create(event.response ?? {}, nowMs);
        break;
      case 'response.cancel':
        responses.cancelAsked(event.response_id, nowMs);
        break;
      case 'x-zen.ack':
        core.wish({ t: 'acked', upTo: event.up_to });
        break;
    }
  }

  private createItem(given: Item, after: string | undefined): void {
    const { core } = this;
    core.checkItem(given);
    const { item, audio } = storedItem(given, given.id ?? core.options.newId('item'));
    if (item.type === 'function_call_output') this.checkCall(item.call_id);
    const { entry, previousId } = core.conversation.add(item, after);
    core.added(entry, previousId);
    if (audio === null) return;
    entry.pending = true;
    this.turns.transcribe(item.id, audio);
  }

  private checkCall(callId: string): void {
    const { items } = this.core.conversation;
    if (items.some((one) => one.type === 'function_call' && one.call_id === callId)) return;
    const message = `item.call_id: no function call "${callId}" in the conversation`;
    throw new RealtimeFailure('invalid_call_id', message, 'item.call_id');
  }

  private truncate(event: Extract<ClientEvent, { type: 'conversation.item.truncate' }>): void {
    const { item_id, content_index, audio_end_ms } = event;
    const entry = this.core.known(item_id, 'item_truncate_invalid_item_id');
    const refuse = (param: string, problem: string) =>
      new RealtimeFailure('invalid_value', `${param}: ${problem}`, param);
    if (!entry.spoken) throw refuse('item_id', 'only what the assistant has spoken can be truncated');
    if (content_index !== 0) throw refuse('content_index', `the item has no content ${content_index}`);
    const mostMs = Math.ceil(entry.spoken.sentMs);
    if (audio_end_ms > mostMs) {
      throw refuse('audio_end_ms', `${audio_end_ms}, but the item has ${mostMs} ms of audio`);
    }
    keepHeard(entry, audio_end_ms);
    this.core.send({ type: 'conversation.item.truncated', item_id, content_index, audio_end_ms });
  }

  private time(nowMs: number): void {
    const { beganMs, limits } = this.core.options;
    this.turns.idle(nowMs);
    if (nowMs < beganMs + limits.maxSessionMs) return;
    this.responses.cancelAll(nowMs);
    const message = `the session has lasted ${limits.maxSessionMs / 60_000} minutes, the limit`;
    this.core.fail(new RealtimeFailure('session_expired', message), null);
    this.close(1000, 'session_expired');
  }

  /** The server goes: its client learns with what it can begin anew elsewhere. */
  private leave(): void {
    const { core } = this;
    const session = described(core.config);
    core.send({ type: 'x-zen.session.handover', session, items: core.conversation.heardItems() });
    this.close(1001, 'the gateway is shutting down');
  }

  private close(code: number, reason: string): void {
    this.closed = true;
    this.responses.stopPrefill();
    this.core.wish({ t: 'close', code, reason });
  }
}
