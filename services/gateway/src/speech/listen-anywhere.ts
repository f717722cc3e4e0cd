import type { ListenRequest, ListenResponse, ListenStart, TurnDetection } from '@zen/contracts';
import { type OpenStream, RpcError } from '@zen/rpc';
import { findPlace } from './find-place';
import { goesOn, MOST_FRUITLESS, mayKill } from './goes-on';
import { SameSpeech } from './same-speech';
import type { TalkerClient } from './talker-client';
import type { Place } from './talkers';
import { type ListenMessage, type Replay, UnansweredSpeech } from './unanswered-speech';

export type ListenPlace = Place<Pick<TalkerClient['transcriber'], 'listen'>>;

/** Listening went on at another talker, or at the same one anew. */
export interface ListenMove {
  from: string;
  /** Empty: nobody could go on, and what was said is lost. */
  to: string;
  reason: string;
  /** Audio that was heard a second time. */
  againMs: number;
  tookMs: number;
}

export interface ListenRules {
  /** Times that one utterance moves at most, and how long it waits for a talker, milliseconds. */
  mostMoves: number;
  mostWaitMs: number;
  /** Audio without an answer that is kept for another talker; what is longer is lost with its talker. 0 keeps none. */
  keptBytes: number;
  onMove(requestId: string, move: ListenMove): void;
}

export interface ListenAnywhereOptions extends ListenRules {
  /** `start.format` is raw; so many bytes of it last a millisecond. */
  start: ListenStart;
  bytesPerMs: number;
  /** Where it begins, and where it may go on. */
  first: ListenPlace;
  pick(shunned: ReadonlySet<string>): ListenPlace | undefined;
  nowMs(): number;
  heard(event: NonNullable<ListenResponse['event']>): void;
  /** Nothing more comes. */
  failed(error: RpcError): void;
}

const MOST_BYTES = 65_536;

/**
 * One listening, at whichever talker there is. When the talker goes in the middle (killed, drained, cut off), another
 * hears again what no final transcript has answered.
 */
export class ListenAnywhere {
  private readonly stop = new AbortController();
  private readonly speech: UnansweredSpeech;
  private readonly told: SameSpeech;
  private place: ListenPlace | null = null;
  private stream: OpenStream<ListenRequest> | null = null;
  private flowing = true;
  private hasEnded = false;
  /** The talker at hand knows of it. */
  private isClosed = false;
  /** Bytes that the talker at hand was given. */
  private sentTo = 0;
  /** What it is to be told behind which audio. */
  private steps: Replay['steps'] = [];
  /** Since the last final transcript. */
  private moves = 0;
  private fruitless = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly options: ListenAnywhereOptions) {
    const { start, bytesPerMs, keptBytes, first } = options;
    this.speech = new UnansweredSpeech(bytesPerMs, keptBytes, start.turnDetection);
    this.told = new SameSpeech(this.speech, bytesPerMs, options.heard);
    this.begin(first, start.turnDetection);
  }

  /** False where the talker is behind: `drained` says when more may come. */
  hear(audio: Buffer): boolean {
    if (this.stop.signal.aborted) return true;
    const { speech } = this;
    speech.hear(audio, this.stream ? this.sentTo : Number.POSITIVE_INFINITY);
    const tag = this.told.giveUp(this.options.nowMs());
    if (tag !== null) this.tell({ $case: 'commit', value: { tag } });
    this.pump();
    return this.stream ? this.isDrained : speech.hasRoom;
  }

  drained(): Promise<void> {
    if (this.isDrained || this.stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.waiting.add(resolve));
  }

  commit(tag: string): void {
    this.speech.commit(tag);
    this.tell({ $case: 'commit', value: { tag } });
  }

  clear(): void {
    this.speech.clear();
    this.told.cleared();
    this.tell({ $case: 'clear', value: {} });
  }

  turns(turnDetection: TurnDetection | undefined): void {
    this.speech.turns(turnDetection);
    this.tell({ $case: 'turnDetection', value: { turnDetection } });
  }

  /** No more audio comes; what was committed is still told. */
  end(): void {
    this.hasEnded = true;
    this.pump();
  }

  cancel(): void {
    if (this.stop.signal.aborted) return;
    this.stop.abort();
    this.stream?.cancel();
    this.wake();
  }

  private get isDrained(): boolean {
    return this.stream !== null && this.flowing && this.steps.length === 0 && this.sentTo >= this.speech.end;
  }

  private tell(message: ListenMessage): void {
    // Whoever goes on without a talker now is told all of it then.
    if (!this.stream) return;
    this.steps.push({ at: this.speech.end, message });
    this.pump();
  }

  private begin(place: ListenPlace, turnDetection: TurnDetection | undefined): void {
    this.place = place;
    this.flowing = true;
    this.isClosed = false;
    const stream = place.client.listen({
      message: ({ event }) => {
        if (stream === this.stream && event && !this.stop.signal.aborted) this.heard(event);
      },
      ended: (error) => {
        // What we ended ourselves says nothing of the talker.
        place.ended(this.stop.signal.aborted ? null : error);
        if (stream === this.stream) this.ended(error);
      },
    });
    this.stream = stream;
    this.send({ $case: 'start', value: { ...this.options.start, turnDetection } });
    this.pump();
  }

  private send(message: ListenMessage): void {
    if (!this.stream) return;
    this.flowing = this.stream.send({ message });
  }

  /** Gives the talker what it has not got yet, as fast as it takes it. */
  private pump(): void {
    const { speech, steps, stream } = this;
    while (stream && this.flowing) {
      const until = steps[0]?.at ?? speech.end;
      if (this.sentTo < until) {
        const value = speech.read(this.sentTo, Math.min(MOST_BYTES, until - this.sentTo));
        this.sentTo += value.length;
        this.send({ $case: 'audio', value });
        continue;
      }
      const step = steps.shift();
      if (!step) {
        if (this.hasEnded && !this.isClosed) stream.end();
        this.isClosed = this.hasEnded;
        this.wake();
        return;
      }
      this.send(step.message);
    }
    if (!stream) return;
    void stream.drained().then(() => {
      if (stream !== this.stream || this.flowing) return;
      this.flowing = true;
      this.pump();
    });
  }

  private heard(event: NonNullable<ListenResponse['event']>): void {
    if (event.$case === 'transcript' && event.value.final) {
      this.moves = 0;
      this.fruitless = 0;
    }
    this.told.hear(event);
  }

  private ended(error: RpcError | null): void {
    this.stream = null;
    if (this.stop.signal.aborted) return;
    const failure = error ?? new RpcError('UNAVAILABLE', 'the talker ended its listening');
    if (mayKill(failure)) this.fruitless += 1;
    this.moves += 1;
    const { mostMoves } = this.options;
    const isHopeless = this.fruitless >= MOST_FRUITLESS || this.moves > mostMoves || !this.speech.whole;
    if (isHopeless || !goesOn(failure)) this.fail(failure);
    else void this.move(failure);
  }

  private async move(failure: RpcError): Promise<void> {
    const { options, stop } = this;
    const { pick, mostWaitMs, nowMs } = options;
    const from = this.place?.address ?? '';
    const sinceMs = nowMs();
    const shunned = new Map([[from, sinceMs]]);
    const { signal } = stop;
    const search = { pick, shunned, sinceMs, mostWaitMs, last: failure, signal, nowMs };
    const place = await findPlace(search).catch(() => null);
    if (signal.aborted) {
      place?.ended(null);
      return;
    }
    if (!place || !this.speech.whole) {
      place?.ended(null);
      this.fail(failure);
      return;
    }
    const replay = this.speech.replay();
    const { base, turnDetection, steps } = replay;
    const { end } = this.speech;
    this.sentTo = base;
    this.steps = steps;
    this.told.goOn(replay, nowMs() + mostWaitMs);
    const againMs = Math.round((end - base) / options.bytesPerMs);
    const reason = failure.message;
    options.onMove(options.start.requestId, {
      from,
      to: place.address,
      reason,
      againMs,
      tookMs: nowMs() - sinceMs,
    });
    this.begin(place, turnDetection);
  }

  private fail(failure: RpcError): void {
    this.stop.abort();
    this.wake();
    const { onMove, start, failed } = this.options;
    const reason = failure.message;
    onMove(start.requestId, { from: this.place?.address ?? '', to: '', reason, againMs: 0, tookMs: 0 });
    failed(failure);
  }

  private wake(): void {
    for (const one of this.waiting) one();
    this.waiting.clear();
  }
}
