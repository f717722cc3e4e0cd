import { Conversation, type Entry, unitsOf } from './conversation';
import type { Item, ServerEvent } from './events';
import { InputAudio } from './input-audio';
import type { SessionLimits } from './limits';
import type { Output, Wish } from './ports';
import { RealtimeFailure } from './realtime-error';
import { described, type SessionConfig } from './session-config';

export interface SessionOptions {
  id: string;
  config: SessionConfig;
  limits: SessionLimits;
  /** A new id that begins as the kind does: `item_…`. */
  newId(kind: 'item' | 'resp' | 'conv'): string;
  /** On the caller's clock, milliseconds. */
  beganMs: number;
  /** Seconds since 1970. */
  expiresAtS: number;
  /** How to come back after a dropped connection; null where that is turned off. */
  resumeToken: string | null;
}

/** What the parts of a session share: what it is like, what was said, and what is to go out. */
export class SessionCore {
  config: SessionConfig;
  readonly conversation = new Conversation();
  readonly conversationId: string;
  readonly input: InputAudio;
  private out: Output[] = [];

  constructor(readonly options: SessionOptions) {
    this.config = options.config;
    this.conversationId = options.newId('conv');
    this.input = new InputAudio(() => options.newId('item'));
  }

  send(...events: ServerEvent[]): void {
    for (const event of events) this.out.push({ t: 'send', event });
  }

  wish(wish: Wish): void {
    this.out.push(wish);
  }

  fail(failure: RealtimeFailure, eventId: string | null): void {
    this.send({ type: 'error', error: failure.body(eventId) });
  }

  /** All that is to go out, once. */
  take(): Output[] {
    return this.out.splice(0);
  }

  /** A new item of the client's or its user's. */
  added({ item }: Entry, previousId: string | null): void {
    const about = { previous_item_id: previousId, item: structuredClone(item) };
    this.send({ type: 'conversation.item.added', ...about }, { type: 'conversation.item.done', ...about });
  }

  known(id: string, code: string): Entry {
    const entry = this.conversation.find(id);
    if (entry) return entry;
    throw new RealtimeFailure(code, `item_id: no item "${id}" in the conversation`, 'item_id');
  }

  /** @throws RealtimeFailure where so much more text is too much */
  checkText(more: number, param: string): void {
    const { maxTextUnits } = this.options.limits;
    const total = this.conversation.textUnits + this.config.instructions.length + more;
    if (total <= maxTextUnits) return;
    const message = `${param}: the session would hold ${total} characters, the limit is ${maxTextUnits}`;
    throw new RealtimeFailure('conversation_full', message, param);
  }

  /** @throws RealtimeFailure where one more item is too much */
  checkItem(item: Item): void {
    const { maxItems } = this.options.limits;
    if (this.conversation.size >= maxItems) {
      const message = `item: the conversation has ${maxItems} items, the limit`;
      throw new RealtimeFailure('conversation_full', message, 'item');
    }
    this.checkText(unitsOf(item), 'item');
  }

  /** What came by itself is taken; the oldest items go where it is too much. */
  makeRoom(): void {
    const { maxItems, maxTextUnits } = this.options.limits;
    const { conversation } = this;
    while (conversation.size > maxItems || (conversation.size > 1 && conversation.textUnits > maxTextUnits)) {
      const oldest = conversation.oldest as string;
      conversation.delete(oldest);
      this.send({ type: 'conversation.item.deleted', item_id: oldest });
    }
  }

  /** The session as events show it. */
  get described() {
    const { id, expiresAtS } = this.options;
    const object = this.config.type === 'realtime' ? 'realtime.session' : 'realtime.transcription_session';
    return { id, object, ...described(this.config), expires_at: expiresAtS };
  }
}
