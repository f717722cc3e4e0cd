import { HearingError } from '../hearing-error';
import type { Transcriber, Urgency } from '../transcriber';
import type { SileroStream } from '../turns/silero';
import { STEP, STEP_MS } from '../turns/steps';
import { TurnDetector, type TurnSettings } from '../turns/turn-detector';
import type { WindowTranscript } from '../whisper/transcript';
import type { Heard } from './heard';
import type { ListenSettings } from './listen-settings';
import { Utterance } from './utterance';

export const LISTEN_RATE = 16_000;
const SAMPLES_PER_MS = LISTEN_RATE / 1000;
/** A turn that nobody ends is ended after this: somebody else's television. */
const MOST_TURN_SAMPLES = 300 * LISTEN_RATE;
/** New audio between two partials, samples; and how many times its own work a partial waits. */
const PARTIAL_EVERY = 0.4 * LISTEN_RATE;
const PARTIAL_REST = 2;
/** Audio that comes faster than this beyond what has passed is a file: nobody watches it being said. */
const LIVE_LEAD_MS = 3_000;
/** After so much audio it is looked at how fast it comes now. */
const PACE_MS = 1_000;
/** A partial that is less likely than this is kept back. */
const LEAST_LIKELY = -1;
/** Silence without turn detection after which a commit is likely. */
const PAUSE_STEPS = 5;
/** Utterances and windows that are worked on while more audio is taken. */
const MOST_OPEN = 3;
/** Steps that the detector hears at once. */
const BATCH = 16;

export interface ListenerParts {
  vad: SileroStream;
  transcriber: Transcriber;
  nowMs(): number;
  tell(heard: Heard): void;
  /** A partial that others went before. */
  dropped(): void;
  /** From an utterance's end to its final transcript. */
  finished(ms: number): void;
}

/** Listens to one speaker: audio in, turns and transcripts out. */
export class Listener {
  private readonly over = new AbortController();
  private detector: TurnDetector | null;
  private utterance: Utterance | null = null;
  private utterances = 0;
  /** Samples heard; those of less than a step wait in `rest`. */
  private position = 0;
  private rest = new Float32Array(0);
  /** What was heard before speech, newest last. */
  private lead: { step: Float32Array; probability: number }[] = [];
  /** Where the last utterance ended. */
  private lastEnd = 0;
  private silentSteps = 0;
  private startedMs: number;
  /** When the last portion was done with, and since when how much came and how long its sender let it wait. */
  private pushedMs: number;
  private pace = { audioMs: 0, restMs: 0 };
  private open = new Set<Promise<void>>();
  private order: Promise<void> = Promise.resolve();
  private failure: unknown = null;

  constructor(
    private readonly parts: ListenerParts,
    private readonly settings: ListenSettings,
  ) {
    this.startedMs = parts.nowMs();
    this.pushedMs = this.startedMs;
    this.detector = settings.turns && new TurnDetector(settings.turns);
  }

  /** The next samples, 16 kHz mono, any number. Resolves when more can be taken. One call after the other. */
  async push(samples: Float32Array): Promise<void> {
    this.followPace(toMs(samples.length));
    const all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    const whole = all.length - (all.length % STEP);
    for (let at = 0; at < whole; at += BATCH * STEP) {
      const batch = all.subarray(at, Math.min(whole, at + BATCH * STEP));
      const probabilities = await this.parts.vad.push(batch);
      for (const [i, one] of probabilities.entries()) this.hear(batch.slice(i * STEP, (i + 1) * STEP), one);
      while (this.open.size > MOST_OPEN) await Promise.race(this.open);
      if (this.failure) throw this.failure;
    }
    this.rest = all.slice(whole);
    this.pushedMs = this.parts.nowMs();
  }

  /** What was heard up to here is one utterance. */
  commit(tag: string): void {
    this.stopSpeaking();
    this.finish(this.utterance ?? this.begin(this.position), tag);
  }

  /** Forgets what was heard since the last utterance. */
  clear(): void {
    this.utterance?.over.abort();
    this.utterance = null;
    this.detector?.reset();
    this.lead = [];
    this.lastEnd = this.position;
  }

  changeTurns(turns: TurnSettings | null): void {
    this.detector = turns && new TurnDetector(turns);
    if (turns === null) return;
    const { utterance } = this;
    // What was said before belongs to the turn that begins; silence does not.
    if (utterance && !utterance.window.spoken && utterance.deciding === 0) this.utterance = null;
  }

  /** Resolves after the last transcript. */
  async end(): Promise<void> {
    if (this.rest.length > 0) {
      const last = new Float32Array(STEP - this.rest.length);
      await this.push(last);
    }
    if (this.utterance) this.commit('');
    await this.order;
    if (this.failure) throw this.failure;
  }

  /** Stops all that is under way; may be called again. */
  close(): void {
    if (this.over.signal.aborted) return;
    this.over.abort();
    this.utterance?.over.abort();
    this.parts.vad.close();
  }

  private hear(step: Float32Array, probability: number): void {
    this.position += STEP;
    const happening = this.detector?.push(probability) ?? null;
    if (!this.utterance && this.detector && happening?.kind !== 'start') {
      this.lead.push({ step, probability });
      const keep = Math.ceil(this.detector.settings.prefixPaddingMs / STEP_MS) + 4;
      if (this.lead.length > keep) this.lead.shift();
      return;
    }
    if (happening?.kind === 'start') this.startSpeaking(happening.stepsBack);
    this.utterance ??= this.begin(this.position - STEP);
    const { utterance } = this;
    utterance.window.append(step, probability);
    if (!this.detector) utterance.window.forgetSilence();
    if (utterance.window.isFull) this.cut(utterance);
    if (happening?.kind === 'stop' || (this.detector?.isSpeaking && this.isTooLong(utterance))) {
      this.stopSpeaking();
      this.finish(utterance, '');
    } else if (happening?.kind === 'pause' || this.isPause(probability)) {
      this.lookAhead(utterance);
    } else {
      this.lookPartially(utterance);
    }
  }

  /** The step at hand is the last of `stepsBack` that are speech. */
  private startSpeaking(stepsBack: number): void {
    const padding = (this.detector?.settings.prefixPaddingMs ?? 0) * SAMPLES_PER_MS;
    const speech = this.position - stepsBack * STEP;
    if (!this.utterance) {
      const wanted = Math.ceil((this.position - STEP - Math.max(this.lastEnd, speech - padding)) / STEP);
      const lead = this.lead.slice(Math.max(0, this.lead.length - Math.max(0, wanted)));
      this.utterance = this.begin(this.position - STEP - lead.length * STEP);
      for (const { step, probability } of lead) this.utterance.window.append(step, probability);
      this.lead = [];
    }
    // A detector that was sure at once has heard one step: to the window that is speech, too.
    this.utterance.window.spoken = true;
    const { start, index } = this.utterance;
    this.tell({ kind: 'speech-started', positionMs: toMs(start), utterance: index });
  }

  private stopSpeaking(): void {
    const { detector, utterance } = this;
    if (utterance && detector && utterance.window.spoken) {
      this.tell({ kind: 'speech-stopped', positionMs: toMs(this.position), utterance: utterance.index });
    }
    detector?.reset();
  }

  private begin(start: number): Utterance {
    const utterance = new Utterance(this.utterances, start, this.settings.language);
    this.utterances += 1;
    return utterance;
  }

  private isTooLong(utterance: Utterance): boolean {
    return this.position - utterance.start >= MOST_TURN_SAMPLES;
  }

  private isPause(probability: number): boolean {
    this.silentSteps = probability < 0.3 ? this.silentSteps + 1 : 0;
    return this.detector === null && this.silentSteps === PAUSE_STEPS;
  }

  private get isLive(): boolean {
    return toMs(this.position) < this.parts.nowMs() - this.startedMs + LIVE_LEAD_MS;
  }

  /**
   * What came at once before (audio that another talker has heard once, too) says nothing any more when audio comes as
   * it is spoken.
   */
  private followPace(audioMs: number): void {
    const { pace } = this;
    const nowMs = this.parts.nowMs();
    pace.audioMs += audioMs;
    // Without the time that we took ourselves.
    pace.restMs += nowMs - this.pushedMs;
    if (pace.audioMs < PACE_MS) return;
    if (pace.restMs >= pace.audioMs / 2)
      this.startedMs = Math.min(this.startedMs, nowMs - toMs(this.position));
    this.pace = { audioMs: 0, restMs: 0 };
  }

  /** The beginning of what has been going on for too long to be kept is decided. */
  private cut(utterance: Utterance): void {
    utterance.partial?.abort();
    const { guess, settled } = utterance;
    const head = utterance.window.cut();
    utterance.ahead = null;
    utterance.guess = [];
    utterance.settled = { ids: [], characters: 0 };
    if (!head.spoken) return;
    utterance.deciding += 1;
    const before = utterance.decided;
    const work = async () => {
      const found = await this.transcribe(utterance, head.speech, 'ahead', { forced: settled.ids, guess });
      await before;
      utterance.decide(found, head.start);
      utterance.deciding -= 1;
    };
    utterance.decided = this.follow(work());
  }

  /** The speaker pauses: if that was all, its transcript is there when it is asked for. */
  private lookAhead(utterance: Utterance): void {
    const { window } = utterance;
    if (!window.spoken || !this.isLive || utterance.ahead?.speechEnd === window.speechEnd) return;
    utterance.partial?.abort();
    utterance.ahead?.stop.abort();
    const { speechEnd } = window;
    const stop = new AbortController();
    const { guess } = utterance;
    const transcript = this.transcribe(utterance, window.speech(), 'ahead', { guess }, stop.signal);
    utterance.ahead = { speechEnd, transcript, stop };
    transcript.then(
      (found) => {
        if (this.utterance !== utterance || utterance.ahead?.transcript !== transcript) return;
        this.detector?.judge(found.text, found.language);
        if (this.settings.partials && utterance.deciding === 0) this.tellPartially(utterance, found);
        else utterance.guess = found.ids;
      },
      // Whoever asks for the final hears of it, and tries again.
      () => undefined,
    );
  }

  private lookPartially(utterance: Utterance): void {
    const { window } = utterance;
    if (!this.settings.partials || !window.spoken || utterance.partial || utterance.deciding > 0) return;
    const rest = Math.max(PARTIAL_EVERY, (PARTIAL_REST * utterance.partialUs * LISTEN_RATE) / 1e6);
    if (this.position - Math.max(utterance.partialEnd, utterance.start) < rest) return;
    if (window.speechEnd <= utterance.partialEnd || !this.isLive) return;
    utterance.partialEnd = this.position;
    const partial = new AbortController();
    utterance.partial = partial;
    const { ids } = utterance.settled;
    const guess = utterance.guess.slice(ids.length);
    this.transcribe(utterance, window.speech(), 'partial', { forced: ids, guess }, partial.signal)
      .then((found) => {
        utterance.partialUs = found.computeUs;
        if (this.utterance === utterance && utterance.deciding === 0) this.tellPartially(utterance, found);
      })
      .catch((error) => {
        if (error instanceof HearingError && error.failure === 'busy') this.parts.dropped();
        else if (!isCancelled(error)) this.fail(error);
      })
      .finally(() => {
        if (utterance.partial === partial) utterance.partial = null;
      });
  }

  private tellPartially(utterance: Utterance, found: WindowTranscript): void {
    // A syllable could be anything.
    if (found.logProbability < LEAST_LIKELY) return;
    const heard = utterance.partially(found, this.position);
    if (heard) this.tell(heard);
  }

  private finish(utterance: Utterance, tag: string): void {
    const end = this.position;
    const endedMs = this.parts.nowMs();
    utterance.partial?.abort();
    this.utterance = null;
    this.lastEnd = end;
    this.silentSteps = 0;
    const before = this.order;
    const work = async () => {
      const { window } = utterance;
      const last = window.spoken ? await this.last(utterance) : null;
      await utterance.decided;
      if (last) utterance.decide(last, window.start);
      await before;
      if (this.failure || this.over.signal.aborted) return;
      this.parts.finished(this.parts.nowMs() - endedMs);
      this.tell(utterance.finally(end, tag));
    };
    this.order = this.follow(work());
  }

  /** The transcript of the window that is open: begun already, or now. */
  private async last(utterance: Utterance): Promise<WindowTranscript> {
    const { ahead, window, guess } = utterance;
    if (ahead?.speechEnd === window.speechEnd) {
      const found = await ahead.transcript.catch((error) => {
        if (isCancelled(error)) throw error;
      });
      if (found) return found;
    }
    return this.transcribe(utterance, window.speech(), 'final', { guess });
  }

  private transcribe(
    utterance: Utterance,
    samples: Float32Array,
    urgency: Urgency,
    known: { forced?: readonly number[]; guess: readonly number[] },
    stop?: AbortSignal,
  ): Promise<WindowTranscript> {
    const { prompt, translate, temperature, segmentTimes, wordTimes } = this.settings;
    const signals = [this.over.signal, utterance.over.signal, ...(stop ? [stop] : [])];
    return this.parts.transcriber.transcribe(
      {
        samples,
        language: utterance.language,
        translate,
        before: prompt,
        temperature,
        thorough: urgency !== 'partial',
        segmentTimes,
        wordTimes,
        forced: known.forced ?? [],
        guess: known.guess,
      },
      urgency,
      AbortSignal.any(signals),
    );
  }

  /** Counts work that is under way, and keeps its failure for whoever pushes or ends. */
  private follow(work: Promise<void>): Promise<void> {
    const done = work.catch((error) => {
      if (!isCancelled(error)) this.fail(error);
    });
    this.open.add(done);
    return done.finally(() => this.open.delete(done));
  }

  private fail(error: unknown): void {
    this.failure ??= error;
  }

  private tell(heard: Heard): void {
    if (!this.over.signal.aborted) this.parts.tell(heard);
  }
}

function toMs(samples: number): number {
  return Math.round(samples / SAMPLES_PER_MS);
}

function isCancelled(error: unknown): boolean {
  return error instanceof HearingError && error.failure === 'cancelled';
}
