import { pcmFromBase64, WIRE_RATE } from './pcm';
import type { Position } from './play-queue';
import { type ClientEvent, type DoneResponse, type ServerEvent, stretchOf } from './realtime-events';
import { type AssistantTurn, newAssistant, newPerson, type PersonTurn, type VoiceTurn } from './voice-turn';

/** `hold`: the person says when they speak; `free`: the server hears it. */
export type Mode = 'hold' | 'free';

export type Happening =
  | { t: 'server'; event: ServerEvent }
  /** A stretch of what the microphone heard, base64. */
  | { t: 'captured'; audio: string; ms: number }
  | { t: 'press' }
  | { t: 'release' }
  | { t: 'played'; position: Position }
  /** Playback was cut, and where. */
  | { t: 'flushed'; cut: Position[] };

export type Wish =
  | { t: 'send'; event: ClientEvent }
  | { t: 'play'; itemId: string; pcm: Int16Array<ArrayBuffer> }
  /** Be silent at once, and say where. */
  | { t: 'flush' }
  /** For a screen reader. What is answered is spoken already. */
  | { t: 'say'; text: string };

export interface VoiceState {
  turns: readonly VoiceTurn[];
  /** The server hears speech. */
  hearing: boolean;
  holding: boolean;
  /** The server asked for something else than what it got; in words, empty for nothing. */
  problem: string;
}

/** Shorter presses are taken for a slip, milliseconds; the server takes no less than 100. */
const LEAST_MS = 150;
/** Turns that are shown. */
const KEPT = 100;
const msOf = (samples: number) => (samples * 1000) / WIRE_RATE;

/**
 * A spoken conversation as the page sees it: what happens goes in, what is to be done comes out. No clock, socket or
 * sound in it; times are milliseconds on the caller's clock.
 */
export class VoiceMachine {
  mode: Mode = 'hold';
  muted = false;
  private turns: readonly VoiceTurn[] = [];
  private hearing = false;
  private problem = '';
  /** The button is held: since it is, so much sound was sent. */
  private heldMs: number | null = null;
  /** The button was let go: the sound that is on its way is still part of it. */
  private releasing = false;
  /** Items that are not to be heard any more. */
  private readonly silenced = new Set<string>();
  /** Silenced, but where they stopped is not known yet. */
  private readonly cutting: string[] = [];
  /** When the person's turn ended. */
  private endedMs = 0;
  private activeResponse: string | null = null;
  private wishes: Wish[] = [];
  private shown: VoiceState = { turns: this.turns, hearing: false, holding: false, problem: '' };

  /** The same object until something of it changes. */
  get state(): VoiceState {
    const { turns, hearing, problem, shown } = this;
    const holding = this.heldMs !== null;
    const isSame = shown.turns === turns && shown.hearing === hearing && shown.problem === problem;
    if (!isSame || shown.holding !== holding) this.shown = { turns, hearing, holding, problem };
    return this.shown;
  }

  handle(happening: Happening, nowMs: number): Wish[] {
    switch (happening.t) {
      case 'server':
        this.server(happening.event, nowMs);
        break;
      case 'captured':
        this.captured(happening.audio, happening.ms, nowMs);
        break;
      case 'press':
        this.press();
        break;
      case 'release':
        if (this.heldMs !== null) this.releasing = true;
        break;
      case 'played':
        this.played(happening.position, nowMs);
        break;
      case 'flushed':
        for (const itemId of this.cutting.splice(0)) this.cut(itemId, happening.cut);
    }
    return this.wishes.splice(0);
  }

  /** Nothing of what was under way comes any more. */
  reset(): Wish[] {
    this.hearing = false;
    this.heldMs = null;
    this.releasing = false;
    this.activeResponse = null;
    for (const turn of this.turns) {
      if (turn.who === 'assistant' && turn.state === 'answering') this.change(turn, { state: 'cut' });
      if (turn.who === 'person' && turn.state !== 'understood') this.change(turn, { state: 'failed' });
    }
    return [{ t: 'flush' }];
  }

  clear(): void {
    this.turns = [];
  }

  private captured(audio: string, ms: number, nowMs: number): void {
    if (this.mode === 'free') this.send({ type: 'input_audio_buffer.append', audio });
    if (this.mode === 'free' || this.heldMs === null) return;
    this.send({ type: 'input_audio_buffer.append', audio });
    this.heldMs += ms;
    if (!this.releasing) return;
    const enough = this.heldMs >= LEAST_MS;
    this.heldMs = null;
    this.releasing = false;
    if (!enough) {
      this.problem = 'That was too short. Hold the button, or the space bar, while you speak.';
      this.send({ type: 'input_audio_buffer.clear' });
      return;
    }
    this.endedMs = nowMs;
    this.send({ type: 'input_audio_buffer.commit' }, { type: 'response.create' });
  }

  private press(): void {
    if (this.mode !== 'hold' || this.muted || this.heldMs !== null) return;
    this.problem = '';
    this.heldMs = 0;
    this.releasing = false;
    this.interrupt();
    if (this.activeResponse !== null) this.send({ type: 'response.cancel' });
  }

  /** The person speaks: silence at once. What was heard is told when playback has said where it was. */
  private interrupt(): void {
    for (const turn of this.turns) {
      if (turn.who !== 'assistant' || this.silenced.has(turn.itemId)) continue;
      if (turn.state !== 'answering' && turn.playedMs >= turn.soundMs) continue;
      this.silenced.add(turn.itemId);
      this.cutting.push(turn.itemId);
    }
    if (this.cutting.length > 0) this.wishes.push({ t: 'flush' });
  }

  /** What of it was heard is what the model is to remember. */
  private cut(itemId: string, positions: readonly Position[]): void {
    const turn = this.assistant(itemId);
    if (!turn) return;
    const position = positions.find((one) => one.itemId === itemId);
    const playedMs = position ? msOf(position.samples) : turn.playedMs;
    this.change(turn, { playedMs, state: 'cut' });
    this.send({
      type: 'conversation.item.truncate',
      item_id: itemId,
      content_index: 0,
      audio_end_ms: Math.floor(playedMs),
    });
  }

  private played({ itemId, samples }: Position, nowMs: number): void {
    const turn = this.assistant(itemId);
    if (!turn || turn.state === 'cut') return;
    const heardMs = turn.heardMs ?? (this.endedMs > 0 ? Math.round(nowMs - this.endedMs) : null);
    this.change(turn, { playedMs: msOf(samples), heardMs });
  }

  private server(event: ServerEvent, nowMs: number): void {
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        this.hearing = true;
        this.problem = '';
        this.person(event.item_id, 'speaking');
        this.interrupt();
        break;
      case 'input_audio_buffer.speech_stopped':
        this.hearing = false;
        this.endedMs = nowMs;
        this.person(event.item_id, 'understanding');
        break;
      case 'input_audio_buffer.committed':
        this.person(event.item_id, 'understanding');
        break;
      case 'conversation.item.input_audio_transcription.delta': {
        const turn = this.person(event.item_id);
        this.change(turn, { text: turn.text + event.delta });
        break;
      }
      case 'conversation.item.input_audio_transcription.completed': {
        const text = event.transcript.trim();
        this.change(this.person(event.item_id), { text, state: 'understood' });
        if (text !== '') this.wishes.push({ t: 'say', text: `You: ${text}` });
        break;
      }
      case 'conversation.item.input_audio_transcription.failed':
        this.change(this.person(event.item_id), { state: 'failed' });
        this.problem = event.error.message;
        break;
      case 'response.created':
        this.activeResponse = event.response.id;
        break;
      case 'response.output_audio_transcript.delta': {
        const turn = this.answer(event);
        this.change(turn, { text: turn.text + event.delta });
        break;
      }
      case 'response.output_audio.delta':
        this.sound(event);
        break;
      case 'response.output_audio.done': {
        const turn = this.assistant(event.item_id);
        if (turn) this.change(turn, { whole: true });
        break;
      }
      case 'x-zen.response.clause': {
        const turn = this.assistant(event.item_id);
        if (turn) this.change(turn, { stretches: [...turn.stretches, stretchOf(event)] });
        break;
      }
      case 'response.done':
        this.done(event.response);
        break;
      case 'error':
        // A race that nobody need know of: the response was over before it could be cancelled.
        if (event.error.code !== 'response_cancel_not_active') this.problem = event.error.message;
    }
  }

  private sound(event: { response_id: string; item_id: string; delta: string }): void {
    if (this.silenced.has(event.item_id)) return;
    const turn = this.answer(event);
    const pcm = pcmFromBase64(event.delta);
    this.change(turn, { soundMs: turn.soundMs + msOf(pcm.length) });
    this.wishes.push({ t: 'play', itemId: event.item_id, pcm });
  }

  private done({ id, status, status_details: details, 'x-zen': facts = {} }: DoneResponse): void {
    if (this.activeResponse === id) this.activeResponse = null;
    const turn = this.turns.find((one) => one.who === 'assistant' && one.responseId === id);
    if (status === 'failed') this.problem = details?.error?.message ?? 'the answer failed';
    if (turn?.who !== 'assistant') return;
    const ended = status === 'failed' ? 'failed' : status === 'cancelled' ? 'cut' : 'answered';
    const state = turn.state === 'cut' ? 'cut' : ended;
    this.change(turn, { state, facts, whole: true });
  }

  private person(itemId: string, state?: PersonTurn['state']): PersonTurn {
    const known = this.turns.find((turn) => turn.itemId === itemId);
    if (known?.who === 'person')
      return state && known.state !== 'understood' ? this.change(known, { state }) : known;
    return this.add(newPerson(itemId, state ?? 'speaking'));
  }

  private answer({ item_id, response_id }: { item_id: string; response_id: string }): AssistantTurn {
    return this.assistant(item_id) ?? this.add(newAssistant(item_id, response_id));
  }

  private assistant(itemId: string): AssistantTurn | undefined {
    const turn = this.turns.find((one) => one.itemId === itemId);
    return turn?.who === 'assistant' ? turn : undefined;
  }

  private add<T extends VoiceTurn>(turn: T): T {
    this.turns = [...this.turns, turn].slice(-KEPT);
    return turn;
  }

  /** Turns that were shown do not change: a new one takes the place of the old. */
  private change<T extends VoiceTurn>(turn: T, fields: Partial<T>): T {
    const changed = { ...turn, ...fields };
    this.turns = this.turns.map((one) => (one.itemId === turn.itemId ? changed : one));
    return changed;
  }

  private send(...events: ClientEvent[]): void {
    for (const event of events) this.wishes.push({ t: 'send', event });
  }
}
