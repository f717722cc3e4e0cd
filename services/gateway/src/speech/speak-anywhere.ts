import type { Clause, SpeakStart, SpeakStarted } from '@zen/contracts';
import { RpcError } from '@zen/rpc';
import { findPlace } from './find-place';
import { goesOn, mayKill } from './goes-on';
import type { SpokenClause, SpokenEvent, SpokenMove } from './spoken-event';
import { type SpeakingTalker, TalkerCall } from './talker-call';
import { type SpeechInput, UnsaidText } from './unsaid-text';

/** A talker that can be asked now. */
export interface TalkerPlace {
  address: string;
  client: SpeakingTalker;
  /** The call to it is over; `error` says why it did not end well. */
  ended(error: RpcError | null): void;
}

export interface SpeakAnywhereOptions {
  /** A call is opened before it is known, so that nothing but the text is waited for when it is. */
  start: SpeakStart | Promise<SpeakStart>;
  /** One that may be asked now and is not among `shunned` (addresses); undefined while there is none. */
  pick(shunned: ReadonlySet<string>): TalkerPlace | undefined;
  signal: AbortSignal;
  /** Times that one utterance moves at most. */
  mostMoves: number;
  /** Milliseconds that it waits for a talker. */
  mostWaitMs: number;
  nowMs(): number;
}

/** Failures in a row without a sample after which nobody else is given the text: it may be what kills them. */
const MOST_FRUITLESS = 2;

/**
 * One utterance, spoken while its text is written, by whichever talker there is. When the talker goes in the middle
 * (killed, drained, cut off), another is given the text after the clause that was being said: of that clause the rest is
 * lost, nothing is said twice, and positions go on from the last sample that came.
 */
export class SpeakAnywhere {
  private readonly text = new UnsaidText();
  private call: TalkerCall | null = null;
  /** The same once it has its start: from then on it is given the text as it comes. */
  private begun: TalkerCall | null = null;
  private hasBegun = false;
  /** Why it never begins. */
  private cause: { error: unknown } | null = null;
  /** Text up to here has been said, is being said, or was given up: the end of a clause. */
  private saidTo = 0;
  /** Text up to here belongs to clauses, or parts of them, that were handed on. */
  private toldTo = 0;
  /** Samples that were handed on. */
  private position = 0;
  private clauses = 0;
  private computeUs = 0;
  private started: SpeakStarted | null = null;
  /** The clause that is being said, and how many of its samples are still to come. */
  private current: { index: number; missing: number } | null = null;

  constructor(private readonly options: SpeakAnywhereOptions) {}

  /** Text cut anywhere, or ids; never blocks. */
  push(input: SpeechInput): void {
    if (this.text.ended) throw new Error('the text has ended');
    for (const piece of this.text.push(input)) this.begun?.input(piece);
  }

  /** What is there is said now, whether or not its clause is whole. */
  flush(): void {
    this.text.flush();
    this.begun?.flush();
  }

  /** No more text comes. */
  end(): void {
    if (this.text.ended) return;
    for (const piece of this.text.end()) this.begun?.input(piece);
    this.begun?.end();
  }

  /**
   * The utterance, once; leaving it cancels it. A reader that is slow makes the talker wait.
   *
   * @throws RpcError where it cannot be spoken to its end, or what `start` rejects with
   */
  async *events(): AsyncGenerator<SpokenEvent> {
    const { signal, nowMs, mostMoves, mostWaitMs, pick } = this.options;
    const shunned = new Map<string, number>();
    let failedMs = nowMs();
    let last: RpcError | undefined;
    let broken: Broken | null = null;
    let moves = 0;
    let fruitless = 0;
    for (;;) {
      const place = await findPlace({ pick, shunned, sinceMs: failedMs, mostWaitMs, last, signal, nowMs });
      const before = this.position;
      let admitted = false;
      let failure: RpcError | null = null;
      try {
        for await (const event of this.speakAt(place)) {
          if (event.kind === 'start') {
            admitted = true;
            if (broken) yield moved(broken, place.address, nowMs() - failedMs);
            else yield event;
            broken = null;
          } else yield event;
        }
        return;
      } catch (thrown) {
        if (this.cause) throw this.cause.error;
        if (!(thrown instanceof RpcError)) throw thrown;
        failure = thrown;
        if (signal.aborted || !goesOn(failure)) throw failure;
      } finally {
        this.call?.cancel();
        this.call = null;
        this.begun = null;
        // What we ended ourselves says nothing of the talker.
        place.ended(signal.aborted ? null : failure);
      }
      last = failure;
      shunned.set(place.address, nowMs());
      if (this.position > before) fruitless = 0;
      else if (atFault(failure, admitted)) fruitless += 1;
      if (admitted) moves += 1;
      if (fruitless >= MOST_FRUITLESS || moves > mostMoves) throw failure;
      // Nobody is waited for while there is nothing to say.
      if (!this.hasBegun) failedMs = nowMs();
      if (this.started === null || broken) continue;
      failedMs = nowMs();
      broken = { from: place.address, reason: failure.message, ...this.giveUpClause() };
      if (this.text.ended && this.saidTo >= this.text.length) {
        yield moved(broken, '', 0);
        yield this.finish();
        return;
      }
    }
  }

  /** One talker's part of it, its offsets and positions made the utterance's. */
  private async *speakAt(place: TalkerPlace): AsyncGenerator<SpokenEvent> {
    const { saidTo, position } = this;
    const call = new TalkerCall(place.client, this.options.signal);
    this.call = call;
    this.begin(call, saidTo).catch((error: unknown) => {
      this.cause = { error };
      call.cancel();
    });
    let next: SpokenClause | null = null;
    for (let message = await call.next(); message; message = await call.next()) {
      const { event } = message;
      switch (event?.$case) {
        case 'started':
          yield this.start(event.value);
          break;
        case 'clause':
          if (this.current) throw brokenOff(place.address, 'began a clause before the last one was whole');
          next = this.clauseOf(event.value, saidTo, position);
          if (next.samples > 0) break;
          this.enter(next);
          yield next;
          next = null;
          break;
        case 'frame': {
          // Of a clause whose audio never comes nothing has been said.
          if (next) {
            this.enter(next);
            yield next;
            next = null;
          }
          const { pcm } = event.value;
          const at = this.position;
          const clause = this.frame(pcm.length / 2, Number(event.value.position) + position, place.address);
          yield { kind: 'frame', pcm, position: at, clause };
          break;
        }
        case 'finished':
          if (this.current) throw brokenOff(place.address, 'finished before a clause was whole');
          this.computeUs += Number(event.value.computeUs);
          yield this.finish();
          return;
      }
    }
    throw brokenOff(place.address, 'ended without a finish');
  }

  /** Gives a call its start, and the text from `saidTo` on. */
  private async begin(call: TalkerCall, saidTo: number): Promise<void> {
    const start = await this.options.start;
    if (this.call !== call) return;
    const { started } = this;
    const same = started ? { voice: started.voice, seed: started.seed, quality: started.quality } : {};
    call.start({ ...start, ...same });
    for (const step of this.text.from(saidTo)) {
      if (step.kind === 'flush') call.flush();
      else call.input(step.input);
    }
    if (this.text.ended) call.end();
    this.begun = call;
    this.hasBegun = true;
  }

  private start(started: SpeakStarted): SpokenEvent {
    if (this.started && this.started.sampleRate !== started.sampleRate) {
      throw new RpcError('INTERNAL', `the voice ${started.voice} has another sample rate elsewhere`);
    }
    this.started ??= started;
    const { voice, sampleRate, quality, seed, queueUs } = started;
    return { kind: 'start', voice, sampleRate, quality, seed, queueUs: Number(queueUs) };
  }

  private clauseOf(
    { textStart, textEnd, clauseEnd, firstSample, samples, synthesisUs }: Clause,
    text: number,
    sample: number,
  ) {
    return {
      kind: 'clause' as const,
      index: this.clauses,
      textStart: text + textStart,
      textEnd: text + textEnd,
      clauseEnd: text + clauseEnd,
      firstSample: sample + Number(firstSample),
      samples: Number(samples),
      synthesisUs: Number(synthesisUs),
    };
  }

  /** From here on its clause counts as said. */
  private enter({ index, textEnd, clauseEnd, samples }: SpokenClause): void {
    this.current = samples > 0 ? { index, missing: samples } : null;
    this.clauses = index + 1;
    this.toldTo = textEnd;
    this.saidTo = clauseEnd;
    this.text.forget(clauseEnd);
  }

  /** Counts a frame in; returns its clause. */
  private frame(samples: number, position: number, address: string): number {
    const { current } = this;
    if (!current || samples > current.missing || position !== this.position) {
      throw brokenOff(address, 'sent a frame out of place');
    }
    current.missing -= samples;
    this.position += samples;
    if (current.missing === 0) this.current = null;
    return current.index;
  }

  private finish(): SpokenEvent {
    return { kind: 'end', samples: this.position, textLength: this.saidTo, computeUs: this.computeUs };
  }

  private giveUpClause(): Pick<Broken, 'clause' | 'lostSamples' | 'lostText'> {
    const { current, toldTo, saidTo } = this;
    this.current = null;
    this.toldTo = saidTo;
    const isLost = current !== null || toldTo < saidTo;
    return {
      clause: isLost ? this.clauses - 1 : -1,
      lostSamples: current?.missing ?? 0,
      lostText: { start: toldTo, end: saidTo },
    };
  }
}

/** A talker went, and nobody has gone on yet. */
type Broken = Omit<SpokenMove, 'kind' | 'to' | 'tookMs'>;

function moved(broken: Broken, to: string, tookMs: number): SpokenMove {
  return { kind: 'move', ...broken, to, tookMs };
}

function brokenOff(address: string, what: string): RpcError {
  return new RpcError('UNAVAILABLE', `the talker at ${address} ${what}`);
}

/** Whether the text may be what ended it: a talker that failed with it or was lost, not one that was full or leaving. */
function atFault(error: RpcError, admitted: boolean): boolean {
  const { code } = error;
  if (code === 'INTERNAL' || code === 'UNKNOWN' || code === 'DATA_LOSS') return true;
  return admitted && mayKill(error);
}
