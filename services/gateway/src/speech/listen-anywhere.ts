import type { ListenRequest, ListenResponse, ListenStart, Transcript, TurnDetection } from '@zen/contracts';
import { type OpenStream, RpcError } from '@zen/rpc';
import { findPlace } from './find-place';
import { goesOn, mayKill } from './goes-on';
import type { TalkerClient } from './talker-client';
import type { Place } from './talkers';
import { type EndedSpeech, type ListenMessage, type Replay, UnansweredSpeech } from './unanswered-speech';

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
/** Talkers that one utterance may have taken with it before nobody else is given it. */
const MOST_FRUITLESS = 3;

/**
 * One listening, at whichever talker there is. When the talker goes in the middle (killed, drained, cut off), another
 * hears again what no final transcript has answered. Positions and numbers of utterances go on, who was told of a start
 * or an end is not told again, and what is settled in a partial stays.
 */
export class ListenAnywhere {
  private readonly stop = new AbortController();
  private readonly speech: UnansweredSpeech;
  private place: ListenPlace | null = null;
  private stream: OpenStream<ListenRequest> | null = null;
  private flowing = true;
  private hasEnded = false;
  /** The talker at hand knows of it. */
  private isClosed = false;
  /** Bytes that the talker at hand was given, and where its own count begins. */
  private sentTo = 0;
  private base = 0;
  /** What it is to be told behind which audio. */
  private steps: Replay['steps'] = [];
  /** Ends that are told to it again, by the tags that stand for them. */
  private again = new Map<string, EndedSpeech>();
  /** Whose start it is to find again; somebody who is not found until then is taken to have stopped. */
  private lookedFor: { utterance: number; untilMs: number } | null = null;
  /** Its numbers of utterances, and ours. */
  private readonly numbers = new Map<number, number>();
  private nextNumber = 0;
  private settled = { utterance: -1, text: '' };
  /** Since the last final transcript. */
  private moves = 0;
  private fruitless = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly options: ListenAnywhereOptions) {
    const { start, bytesPerMs, keptBytes, first } = options;
    this.speech = new UnansweredSpeech(bytesPerMs, keptBytes, start.turnDetection);
    this.begin(first, start.turnDetection);
  }

  /** False where the talker is behind: `drained` says when more may come. */
  hear(audio: Buffer): boolean {
    if (this.stop.signal.aborted) return true;
    const { speech } = this;
    speech.hear(audio, this.stream ? this.sentTo : Number.POSITIVE_INFINITY);
    if (this.lookedFor && this.options.nowMs() >= this.lookedFor.untilMs) this.giveUpLooking();
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
    this.lookedFor = null;
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
    this.numbers.clear();
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
    switch (event.$case) {
      case 'speechStarted':
        this.started(event.value.utterance, this.position(event.value.positionMs));
        break;
      case 'speechStopped': {
        const utterance = this.numbers.get(event.value.utterance);
        if (utterance === undefined) return;
        this.stopped(utterance, this.position(event.value.positionMs));
        break;
      }
      case 'transcript':
        if (event.value.final) this.final(event.value);
        else this.partial(event.value);
    }
  }

  private started(theirs: number, positionMs: number): void {
    const { lookedFor } = this;
    this.lookedFor = null;
    if (lookedFor) {
      this.numbers.set(theirs, lookedFor.utterance);
      return;
    }
    const utterance = this.number(theirs);
    this.speech.started(utterance, positionMs);
    this.options.heard({ $case: 'speechStarted', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  private stopped(utterance: number, positionMs: number): void {
    this.speech.stopped(utterance, positionMs);
    this.options.heard({ $case: 'speechStopped', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  private partial(transcript: Transcript): void {
    // Of what has ended only the final words are still wanted.
    if (this.again.size > 0 && !this.numbers.has(transcript.utterance)) return;
    const utterance = this.number(transcript.utterance);
    const { text, stableLength } = transcript;
    const { settled } = this;
    if (settled.utterance === utterance && !text.startsWith(settled.text)) return;
    if (settled.utterance !== utterance || stableLength > settled.text.length)
      this.settled = { utterance, text: text.slice(0, stableLength) };
    this.transcript(transcript, { utterance });
  }

  private final(transcript: Transcript): void {
    const { tag } = transcript;
    const again = this.again.get(tag);
    const utterance = again?.utterance ?? this.number(transcript.utterance);
    this.numbers.delete(transcript.utterance);
    this.again.delete(tag);
    this.speech.answered((one) =>
      again ? one === again : tag === '' ? one.utterance === utterance : one.tag === tag,
    );
    this.moves = 0;
    this.fruitless = 0;
    // A commit of the client's has taken it.
    if (!again && tag !== '') this.lookedFor = null;
    const startMs = again?.startMs ?? undefined;
    this.transcript(transcript, {
      utterance,
      ...(again ? { tag: again.tag } : {}),
      ...(startMs === undefined ? {} : { startMs: BigInt(startMs) }),
    });
  }

  private transcript(transcript: Transcript, ours: Partial<Transcript>): void {
    const startMs = BigInt(this.position(transcript.startMs));
    const endMs = BigInt(this.position(transcript.endMs));
    this.options.heard({ $case: 'transcript', value: { ...transcript, startMs, endMs, ...ours } });
  }

  private number(theirs: number): number {
    const known = this.numbers.get(theirs);
    if (known !== undefined) return known;
    const ours = this.nextNumber++;
    this.numbers.set(theirs, ours);
    return ours;
  }

  private position(ms: bigint): number {
    return this.base / this.options.bytesPerMs + Number(ms);
  }

  /** Nobody is left waiting for the end of what was told to have begun. */
  private giveUpLooking(): void {
    const { lookedFor, speech } = this;
    this.lookedFor = null;
    const ended = lookedFor && speech.endUnheard(lookedFor.utterance);
    if (!ended) return;
    const { utterance } = lookedFor;
    const tag = `unheard_${utterance}`;
    this.again.set(tag, ended);
    const positionMs = BigInt(Math.floor(ended.at / this.options.bytesPerMs));
    this.options.heard({ $case: 'speechStopped', value: { utterance, positionMs } });
    this.tell({ $case: 'commit', value: { tag } });
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
    const { base, turnDetection, steps, ended, open } = this.speech.replay();
    const { end } = this.speech;
    this.base = base;
    this.sentTo = base;
    this.steps = steps;
    this.again = ended;
    this.lookedFor = open === null ? null : { utterance: open, untilMs: nowMs() + mostWaitMs };
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
