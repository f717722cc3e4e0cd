import { LEAST_COMMIT_MS } from './input-audio';
import type { Happening, Listening } from './ports';
import { RealtimeFailure } from './realtime-error';
import type { Responses } from './responses';
import type { SessionCore } from './session-core';
import { understood } from './stored-item';

type Of<T extends Happening['t']> = Extract<Happening, { t: T }>;

/** Who speaks when: what is heard becomes items of the conversation, and the end of a turn asks for an answer. */
export class TurnTaking {
  /** An answer is due once everything is understood and nobody speaks. */
  private owed = false;
  /** When the last utterance ended. */
  private committedMs = 0;
  private idleMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly core: SessionCore,
    private readonly responses: Responses,
  ) {}

  /** When a silent user is spoken to. */
  get idleAtMs(): number {
    return this.idleMs;
  }

  append(audio: string): void {
    const { core } = this;
    const { codec, turnDetection } = core.config.input;
    const how = this.listening(turnDetection);
    if (core.input.begins(how)) core.wish({ t: 'listen', call: core.input.call, how });
    const { maxBufferMs } = core.options.limits;
    if (turnDetection === null && core.input.bufferedMs > maxBufferMs) {
      const message = `audio: more than ${maxBufferMs} ms wait for a commit; commit or clear`;
      throw new RealtimeFailure('input_audio_buffer_full', message, 'audio');
    }
    core.input.append(audio, codec);
    if (audio !== '') core.wish({ t: 'hear', audio });
  }

  commit(nowMs: number): void {
    const { core } = this;
    const { bufferedMs } = core.input;
    if (bufferedMs < LEAST_COMMIT_MS) {
      const message = `input_audio_buffer: ${Math.floor(bufferedMs)} ms of audio, a commit needs at least ${LEAST_COMMIT_MS}`;
      throw new RealtimeFailure('input_audio_buffer_commit_empty', message);
    }
    const itemId = core.input.commit();
    core.wish({ t: 'commit', tag: itemId });
    this.committed(itemId, nowMs);
  }

  clear(): void {
    const { core } = this;
    core.input.clear();
    if (core.input.open) core.wish({ t: 'clear' });
    this.responses.stopPrefill();
    core.send({ type: 'input_audio_buffer.cleared' });
  }

  transcribe(itemId: string, audio: string): void {
    this.core.wish({ t: 'transcribe', itemId, audio, how: this.listening(null) });
  }

  speechStarted({ positionMs, utterance }: Of<'speech-started'>, nowMs: number): void {
    const { core, responses } = this;
    const itemId = core.input.started(utterance);
    this.idleMs = Number.POSITIVE_INFINITY;
    const audio_start_ms = core.input.position(positionMs);
    core.send({ type: 'input_audio_buffer.speech_started', item_id: itemId, audio_start_ms });
    if (core.config.input.turnDetection?.interruptResponse) responses.interrupt('turn_detected', nowMs);
    // What the question will begin with is known now, but for the user's words.
    responses.prefill('');
  }

  speechStopped({ positionMs, utterance }: Of<'speech-stopped'>, nowMs: number): void {
    const { core } = this;
    const itemId = core.input.stopped(utterance);
    // A commit of the client's has taken the utterance.
    if (itemId === undefined) return;
    const audio_end_ms = core.input.position(positionMs);
    core.send({ type: 'input_audio_buffer.speech_stopped', item_id: itemId, audio_end_ms });
    this.committed(itemId, nowMs);
    const answers = core.config.type === 'realtime' && core.config.input.turnDetection?.createResponse;
    if (answers) this.owed = true;
  }

  transcript(happening: Of<'transcript'>, nowMs: number): void {
    const { core, responses } = this;
    const { call, utterance, text, final, stableLength, tag } = happening;
    if (tag === '' && call !== core.input.call) return;
    const itemId = core.input.itemOf(utterance, tag);
    const upTo = final ? text.length : Math.min(stableLength, text.length);
    const news = core.input.news(itemId, text, upTo);
    const isTold = core.config.input.transcription !== null;
    const about = { item_id: itemId, content_index: 0 };
    if (isTold && news !== '') {
      core.send({ type: 'conversation.item.input_audio_transcription.delta', ...about, delta: news });
    }
    const entry = core.conversation.find(itemId);
    if (!final) {
      if (news !== '' && !entry) responses.prefill(text.slice(0, upTo));
      return;
    }
    core.input.forget(itemId);
    if (entry) understood(entry, text);
    if (isTold) {
      const usage = { type: 'duration' as const, seconds: secondsOf(happening) };
      core.send({
        type: 'conversation.item.input_audio_transcription.completed',
        ...about,
        transcript: text,
        usage,
      });
    }
    core.makeRoom();
    responses.heard(nowMs, this.committedMs);
    // A cough is no question.
    if (text.trim() === '' && this.lastUserText() === '') this.owed = false;
  }

  /** Nothing more is heard of the call; what waits for it cannot be answered. The next audio begins another one. */
  failed({ call, tag, failure }: Of<'listen-failed'>, nowMs: number): void {
    const { core } = this;
    if (tag === '' && call === core.input.call) core.input.lost();
    this.owed = false;
    for (const itemId of core.conversation.pendingIds()) {
      if (tag !== '' && itemId !== tag) continue;
      const entry = core.known(itemId, 'internal');
      understood(entry, '');
      core.input.forget(itemId);
      const { type, code, message } = failure;
      const about = { item_id: itemId, content_index: 0 };
      const error = { type, code, message };
      core.send({ type: 'conversation.item.input_audio_transcription.failed', ...about, error });
    }
    this.responses.unheard(failure, nowMs);
    core.fail(failure, null);
  }

  /** The answer that is due, if its time has come. */
  answer(nowMs: number): void {
    const { core, responses } = this;
    if (!this.owed || responses.busy || core.conversation.pending || core.input.speaking) return;
    this.owed = false;
    responses.create({}, this.committedMs);
    responses.heard(nowMs, this.committedMs);
  }

  /** An answer has been said: from the end of its audio on the user may be silent for so long. */
  answered(completed: boolean, playsUntilMs: number): void {
    const detection = this.core.config.input.turnDetection;
    if (!completed || detection?.type !== 'server_vad' || detection.idleTimeoutMs === null) return;
    if (this.core.input.speaking || !this.core.input.open) return;
    this.idleMs = playsUntilMs + detection.idleTimeoutMs;
  }

  /** The user has been silent for too long: an empty utterance is committed and answered. */
  idle(nowMs: number): void {
    const { core } = this;
    if (nowMs < this.idleMs) return;
    this.idleMs = Number.POSITIVE_INFINITY;
    const detection = core.config.input.turnDetection;
    if (detection?.type !== 'server_vad' || this.responses.busy) return;
    const endMs = core.input.elapsedMs;
    const startMs = Math.max(0, endMs - (detection.idleTimeoutMs ?? 0));
    const itemId = core.input.commit();
    const about = { item_id: itemId, audio_start_ms: startMs, audio_end_ms: endMs };
    core.send({ type: 'input_audio_buffer.timeout_triggered', ...about });
    this.committed(itemId, nowMs);
    const entry = core.known(itemId, 'internal');
    understood(entry, '');
    if (detection.createResponse) this.owed = true;
  }

  /** `update` has changed how turns are detected. */
  changed(before: SessionCore['config']): void {
    const { turnDetection } = this.core.config.input;
    if (before.input.turnDetection === turnDetection) return;
    this.idleMs = Number.POSITIVE_INFINITY;
    if (this.core.input.open) this.core.wish({ t: 'turns', turnDetection });
  }

  private committed(itemId: string, nowMs: number): void {
    const { core } = this;
    this.committedMs = nowMs;
    this.idleMs = Number.POSITIVE_INFINITY;
    const { entry, previousId } = core.conversation.add({
      id: itemId,
      object: 'realtime.item',
      type: 'message',
      status: 'completed',
      role: 'user',
      content: [{ type: 'input_audio' }],
    });
    entry.pending = true;
    core.send({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id: previousId });
    core.added(entry, previousId);
  }

  private listening(turnDetection: Listening['turnDetection']): Listening {
    const { codec, transcription } = this.core.config.input;
    const { language = '', prompt = '' } = transcription ?? {};
    return { codec, language, prompt, turnDetection };
  }

  /** What the user has said since the last word of anybody else. */
  private lastUserText(): string {
    const last = this.core.conversation.turns().at(-1);
    return last?.role === 'user' ? last.content.trim() : '';
  }
}

function secondsOf({ startMs, endMs }: Of<'transcript'>): number {
  return Math.max(0, endMs - startMs) / 1000;
}
