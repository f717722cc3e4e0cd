import type { ClientEvent, ServerEvent } from './events';
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from './limits';
import type { Happening, Output, Wish } from './ports';
import { RealtimeSession } from './session';
import { newSession, type SessionConfig } from './session-config';

/** 100 ms of silence at 24 kHz. */
export const AUDIO_100MS = Buffer.alloc(4800).toString('base64');

/** A session, the events and wishes that came of it, and its clock. */
export class SessionHarness {
  nowMs = 0;
  readonly session: RealtimeSession;
  /** Since the last look. */
  private out: Output[] = [];
  private ids = 0;

  constructor(config: Partial<SessionConfig> = {}, limits: Partial<SessionLimits> = {}) {
    const type = config.type ?? 'realtime';
    this.session = new RealtimeSession({
      id: 'sess_1',
      config: { ...newSession(type, 'zen'), ...config },
      limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
      newId: (kind) => `${kind}_${++this.ids}`,
      beganMs: 0,
      expiresAtS: 3600,
      resumeToken: null,
    });
    this.session.begin();
  }

  client(...events: ClientEvent[]): this {
    for (const event of events) this.happen({ t: 'client', event });
    return this;
  }

  happen(...happenings: Happening[]): this {
    for (const happening of happenings) this.out.push(...this.session.handle(happening, this.nowMs));
    return this;
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** Types of the events since the last look; wishes in brackets. */
  look(): string[] {
    return this.out.splice(0).map((one) => (one.t === 'send' ? one.event.type : `<${one.t}>`));
  }

  events(): ServerEvent[] {
    return this.out.splice(0).flatMap((one) => (one.t === 'send' ? [one.event] : []));
  }

  event<T extends ServerEvent['type']>(type: T): Extract<ServerEvent, { type: T }> {
    const found = this.out.findLast((one) => one.t === 'send' && one.event.type === type);
    if (found?.t !== 'send') throw new Error(`no ${type}`);
    return found.event as Extract<ServerEvent, { type: T }>;
  }

  wish<T extends Wish['t']>(t: T): Extract<Wish, { t: T }> {
    const found = this.out.findLast((one) => one.t === t);
    if (!found) throw new Error(`no wish ${t}`);
    return found as Extract<Wish, { t: T }>;
  }

  /** The id of the response that was asked for last. */
  get responseId(): string {
    return this.wish('answer').responseId;
  }

  say(text: string): this {
    return this.client({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
  }
}

export const USAGE = { promptTokens: 20, cachedPromptTokens: 16, completionTokens: 3 };

/** What comes of a spoken answer of one clause, a second long. */
export function spoken(responseId: string, text: string): Happening[] {
  return [
    { t: 'answering', responseId, model: 'zen', stage: 4, stageReason: 'best' },
    { t: 'text', responseId, text, stage: 4 },
    { t: 'speaking', responseId, quality: 'full' },
    { t: 'text-ended', responseId, reason: 'stop', usage: USAGE },
    { t: 'clause', responseId, textStart: 0, textEnd: text.length, startMs: 0, endMs: 1000 },
    { t: 'audio', responseId, audio: AUDIO_100MS, durationMs: 1000 },
    { t: 'speech-ended', responseId },
  ];
}
