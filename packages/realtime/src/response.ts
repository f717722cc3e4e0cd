import { formatOf } from './audio-codec';
import type { Conversation, Entry } from './conversation';
import type { AnyItem, Hops, Item, RealtimeResponse, ResponseFacts, ServerEvent } from './events';
import type { AnswerUsage, Happening, Voicing } from './ports';
import type { RealtimeFailure } from './realtime-error';
import type { Modality } from './session-config';

export interface ResponseOptions {
  id: string;
  /** Null for one out of band: the conversation does not learn of it. */
  conversation: Conversation | null;
  conversationId: string;
  modality: Modality;
  /** How it is spoken; null for text. */
  voicing: Voicing | null;
  metadata: Record<string, string> | null;
  maxTokens: number;
  timings: boolean;
  newItemId(): string;
  /** When its input was committed, or it was asked for. */
  sinceMs: number;
}

type Of<T extends Happening['t']> = Extract<Happening, { t: T }>;

export type Ending =
  | { status: 'completed' }
  | { status: 'incomplete'; reason: 'max_output_tokens' }
  | { status: 'cancelled'; reason: 'turn_detected' | 'client_cancelled' }
  | { status: 'failed'; failure: RealtimeFailure };

interface Output {
  entry: Entry;
  index: number;
  done: boolean;
}

/** One response from `response.created` to `response.done`: turns what comes of the model into events in their order. */
export class Response {
  readonly hops: Hops = {};
  /** Turns of the conversation that are left out, because it no longer fits. */
  skips = 0;
  asked = false;
  private readonly outputs: Output[] = [];
  private message: Output | null = null;
  private text = '';
  private readonly calls = new Map<string, Output>();
  private readonly facts: ResponseFacts = {};
  private usage: AnswerUsage | null = null;
  private endOfText: 'stop' | 'length' | null = null;

  constructor(readonly options: ResponseOptions) {}

  get id(): string {
    return this.options.id;
  }

  /** Whether anything of it has come. */
  get begun(): boolean {
    return this.outputs.length > 0;
  }

  /** The item that is spoken, once there is one. */
  get spoken(): Entry | null {
    return this.message?.entry ?? null;
  }

  created(): ServerEvent {
    return { type: 'response.created', response: this.body({ status: 'in_progress' }) };
  }

  answering({ model, stage, stageReason }: Of<'answering'>): void {
    Object.assign(this.facts, { model, stage, stage_reason: stageReason });
  }

  speaking({ quality }: Of<'speaking'>): void {
    this.facts.voice_quality = quality;
  }

  piece({ text, stage }: Of<'text'>, nowMs: number): ServerEvent[] {
    this.facts.stage = stage;
    this.hops.first_token_ms ??= this.since(nowMs);
    if (text === '') return [];
    const events: ServerEvent[] = [];
    const message = this.message ?? this.openMessage(events);
    this.text += text;
    this.keepText(message);
    const type =
      this.options.modality === 'audio'
        ? 'response.output_audio_transcript.delta'
        : 'response.output_text.delta';
    events.push({ type, ...this.at(message), content_index: 0, delta: text });
    return events;
  }

  /** A part of a call's arguments; the `last` one closes it. */
  call({ callId, name, arguments: part, last }: Of<'call'>, nowMs: number): ServerEvent[] {
    this.hops.first_token_ms ??= this.since(nowMs);
    const events: ServerEvent[] = [];
    const output = this.calls.get(callId) ?? this.openCall(callId, name, events);
    const item = output.entry.item as Extract<Item, { type: 'function_call' }>;
    item.arguments += part;
    const at = { ...this.at(output), call_id: callId };
    if (part !== '') events.push({ type: 'response.function_call_arguments.delta', ...at, delta: part });
    if (!last) return events;
    const { arguments: whole } = item;
    events.push({ type: 'response.function_call_arguments.done', ...at, name, arguments: whole });
    this.close(output, 'completed', events);
    return events;
  }

  clause({ textStart, textEnd, startMs, endMs }: Of<'clause'>, nowMs: number): ServerEvent[] {
    this.hops.first_clause_ms ??= this.since(nowMs);
    const stretch = { textStart, textEnd, startMs, endMs };
    this.message?.entry.spoken?.stretches.push(stretch);
    if (!this.message || !this.options.timings) return [];
    const said = { text_start: textStart, text_end: textEnd, audio_start_ms: startMs, audio_end_ms: endMs };
    return [{ type: 'x-zen.response.clause', ...this.at(this.message), ...said }];
  }

  audio({ audio, durationMs }: Of<'audio'>, nowMs: number): ServerEvent[] {
    const { message } = this;
    const spoken = message?.entry.spoken;
    if (!message || !spoken) return [];
    this.hops.first_audio_ms ??= this.since(nowMs);
    spoken.firstAtMs ??= nowMs;
    spoken.sentMs += durationMs;
    return [{ type: 'response.output_audio.delta', ...this.at(message), content_index: 0, delta: audio }];
  }

  textEnded({ reason, usage }: Of<'text-ended'>): void {
    this.endOfText = reason;
    this.usage = usage;
  }

  /** How it ends once everything of it has come. */
  get natural(): Ending {
    return this.endOfText === 'length'
      ? { status: 'incomplete', reason: 'max_output_tokens' }
      : { status: 'completed' };
  }

  /** Whether what was said of it is all there is: nothing was to be spoken, or it was. */
  get silent(): boolean {
    return this.options.voicing === null || this.text === '';
  }

  finish(ending: Ending): ServerEvent[] {
    const events: ServerEvent[] = [];
    const status = ending.status === 'completed' ? 'completed' : 'incomplete';
    for (const output of this.outputs) {
      if (output.done) continue;
      if (output === this.message) this.closeMessage(output, events);
      this.close(output, status, events);
    }
    events.push({ type: 'response.done', response: this.body(ending) });
    return events;
  }

  private since(nowMs: number): number {
    return Math.round((nowMs - this.options.sinceMs) * 10) / 10;
  }

  private at({ entry, index }: Output) {
    return { response_id: this.id, item_id: entry.item.id, output_index: index };
  }

  private openMessage(events: ServerEvent[]): Output {
    const { modality, newItemId } = this.options;
    const item: Entry['item'] = {
      id: newItemId(),
      object: 'realtime.item',
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
    };
    const output = this.open(item, events);
    if (modality === 'audio')
      output.entry.spoken = {
        stretches: [],
        sentMs: 0,
        firstAtMs: null,
        responseId: this.id,
        cleared: false,
      };
    this.message = output;
    const part =
      modality === 'audio'
        ? ({ type: 'audio', transcript: '' } as const)
        : ({ type: 'text', text: '' } as const);
    events.push({ type: 'response.content_part.added', ...this.at(output), content_index: 0, part });
    return output;
  }

  private openCall(callId: string, name: string, events: ServerEvent[]): Output {
    const item: Entry['item'] = {
      id: this.options.newItemId(),
      object: 'realtime.item',
      type: 'function_call',
      status: 'in_progress',
      call_id: callId,
      name,
      arguments: '',
    };
    const output = this.open(item, events);
    this.calls.set(callId, output);
    return output;
  }

  private open(item: Entry['item'], events: ServerEvent[]): Output {
    const { conversation } = this.options;
    const added = conversation?.add(item);
    const entry = added?.entry ?? { item, pending: false, spoken: null, heard: null };
    const output = { entry, index: this.outputs.length, done: false };
    this.outputs.push(output);
    const about = { response_id: this.id, output_index: output.index };
    events.push({ type: 'response.output_item.added', ...about, item: copy(item) });
    if (added) {
      events.push({ type: 'conversation.item.added', previous_item_id: added.previousId, item: copy(item) });
    }
    return output;
  }

  private closeMessage(output: Output, events: ServerEvent[]): void {
    const at = { ...this.at(output), content_index: 0 };
    const { text } = this;
    if (this.options.modality === 'audio') {
      events.push(
        { type: 'response.output_audio.done', ...at },
        { type: 'response.output_audio_transcript.done', ...at, transcript: text },
        { type: 'response.content_part.done', ...at, part: { type: 'audio', transcript: text } },
      );
    } else {
      events.push(
        { type: 'response.output_text.done', ...at, text },
        { type: 'response.content_part.done', ...at, part: { type: 'text', text } },
      );
    }
  }

  private close(output: Output, status: 'completed' | 'incomplete', events: ServerEvent[]): void {
    const { item } = output.entry;
    output.done = true;
    item.status = status;
    if (this.options.conversation?.find(item.id)) {
      events.push({ type: 'conversation.item.done', item: copy(item) });
    }
    const about = { response_id: this.id, output_index: output.index };
    events.push({ type: 'response.output_item.done', ...about, item: copy(item) });
  }

  private keepText({ entry: { item } }: Output): void {
    if (item.type !== 'message' || item.role !== 'assistant') return;
    const { text } = this;
    item.content = [
      this.options.modality === 'audio'
        ? { type: 'output_audio', transcript: text }
        : { type: 'output_text', text },
    ];
  }

  private body(ending: Ending | { status: 'in_progress' }): RealtimeResponse {
    const { id, conversation, conversationId, modality, voicing, metadata, maxTokens, timings } =
      this.options;
    const over = ending.status !== 'in_progress';
    const facts: ResponseFacts = { ...this.facts, ...(timings ? { timings: this.hops } : {}) };
    const body: RealtimeResponse & { 'x-zen'?: ResponseFacts } = {
      id,
      object: 'realtime.response',
      status: ending.status,
      ...(conversation ? { conversation_id: conversationId } : {}),
      output: this.outputs.map(({ entry }): AnyItem => copy(entry.item)),
      output_modalities: [modality],
      max_output_tokens: maxTokens === 0 ? 'inf' : maxTokens,
      ...(voicing ? { audio: { output: { format: formatOf(voicing.codec), voice: voicing.voice } } } : {}),
      metadata,
      ...(over ? { status_details: detailsOf(ending), usage: this.usageBody(), 'x-zen': facts } : {}),
    };
    return body;
  }

  private usageBody(): NonNullable<RealtimeResponse['usage']> {
    const { promptTokens = 0, cachedPromptTokens = 0, completionTokens = 0 } = this.usage ?? {};
    return {
      total_tokens: promptTokens + completionTokens,
      input_tokens: promptTokens,
      output_tokens: completionTokens,
      input_token_details: {
        text_tokens: promptTokens,
        audio_tokens: 0,
        image_tokens: 0,
        cached_tokens: cachedPromptTokens,
        cached_tokens_details: { text_tokens: cachedPromptTokens, audio_tokens: 0, image_tokens: 0 },
      },
      output_token_details: { text_tokens: completionTokens, audio_tokens: 0 },
    };
  }
}

function detailsOf(ending: Ending): NonNullable<RealtimeResponse['status_details']> {
  const { status: type } = ending;
  switch (ending.status) {
    case 'completed':
      return { type: 'completed' };
    case 'incomplete':
    case 'cancelled':
      return { type: ending.status, reason: ending.reason };
    case 'failed': {
      const { type: kind, code, message } = ending.failure;
      const error = { type: kind, code, message };
      return { type: type as 'failed', error };
    }
  }
}

/** What is sent must not change with the conversation. */
function copy<T extends Item>(item: T): T {
  return structuredClone(item);
}
