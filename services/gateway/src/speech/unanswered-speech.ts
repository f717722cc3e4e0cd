import type { ListenRequest, TurnDetection } from '@zen/contracts';
import { KeptAudio } from './kept-audio';

export type ListenMessage = NonNullable<ListenRequest['message']>;

/** An utterance that has ended and whose words are not there yet. */
export interface EndedSpeech {
  /** Bytes of audio up to its end. */
  at: number;
  /** Of the commit that ended it; empty for an end that was detected. */
  tag: string;
  /** Its number and start where the start was told. */
  utterance: number | null;
  startMs: number | null;
}

/** What another talker is given to be where the one before it was. Places are bytes of all audio. */
export interface Replay {
  /** The audio begins here. */
  base: number;
  turnDetection: TurnDetection | undefined;
  /** What it is told after which audio, in order. */
  steps: { at: number; message: ListenMessage }[];
  /** What has ended before, by the tags that `steps` give it. */
  ended: Map<string, EndedSpeech>;
  /** The utterance whose start was told and which still goes on: its start is found again, and not told again. */
  open: number | null;
}

/** What a detector hears first, to be in the state that it was in before. */
const LEAD_MS = 1000;
/** While nobody is known to speak: a start that a talker had no time to tell lies not further back, as it takes no more. */
const SILENCE_MS = 15_000;
/** One event of a client's has at most about so much in it, in practice. */
const ROOM_BYTES = 262_144;
/** Of a detector, so that another one's fall on the same samples. */
const STEP_MS = 32;

/**
 * What a talker was told and has not answered yet: the audio since the last words, what was asked of it, and what it
 * has said of who speaks. Ends that were told are commits when it is told again, so that they stay where they were.
 */
export class UnansweredSpeech {
  private readonly audio = new KeptAudio();
  private asked: { at: number; change: { turnDetection: TurnDetection | undefined } | null }[] = [];
  private ends: EndedSpeech[] = [];
  private open: { utterance: number; at: number; startMs: number } | null = null;
  /** All before it is answered or forgotten, and how turns were detected there. */
  private doneTo = 0;
  private detectionThere: TurnDetection | undefined;
  private detection: TurnDetection | undefined;

  constructor(
    private readonly bytesPerMs: number,
    private readonly keptBytes: number,
    detection: TurnDetection | undefined,
  ) {
    this.detection = detection;
    this.detectionThere = detection;
  }

  /** Bytes that came. */
  get end(): number {
    return this.audio.end;
  }

  /** Whether more of it could be kept. */
  get hasRoom(): boolean {
    return this.end - this.audio.from < this.keptBytes - ROOM_BYTES;
  }

  /** Whether another talker can be given all of it. */
  get whole(): boolean {
    return this.keptBytes > 0 && this.audio.from <= this.needed();
  }

  read(at: number, most: number): Buffer {
    return this.audio.read(at, most);
  }

  /** @param sentTo bytes from here on are kept in any case; Infinity: none */
  hear(bytes: Buffer, sentTo: number): void {
    this.audio.push(bytes);
    this.forget(sentTo);
  }

  commit(tag: string): void {
    const { utterance = null, startMs = null } = this.open ?? {};
    this.ends.push({ at: this.end, tag, utterance, startMs });
    this.open = null;
  }

  /** Ends an utterance here that nobody hears any more; null where it has ended. */
  endUnheard(utterance: number): EndedSpeech | null {
    if (!this.detection || this.open?.utterance !== utterance) return null;
    const ended = { at: this.end, tag: '', utterance, startMs: this.open.startMs };
    this.ends.push(ended);
    this.open = null;
    return ended;
  }

  clear(): void {
    this.open = null;
    if (this.ends.length === 0) this.done(this.end);
    else this.asked.push({ at: this.end, change: null });
  }

  turns(turnDetection: TurnDetection | undefined): void {
    // Silence that was listened to belongs to no utterance of a client that ends them itself.
    const isIdle = this.detection && !turnDetection && this.ends.length === 0 && !this.open;
    this.detection = turnDetection;
    this.asked.push({ at: this.end, change: { turnDetection } });
    if (isIdle) this.done(this.end);
  }

  started(utterance: number, positionMs: number): void {
    const at = this.bytes(positionMs);
    // Told after a commit was sent that ends it.
    const taken = this.ends.find((one) => one.tag !== '' && one.utterance === null && one.at > at);
    if (taken) Object.assign(taken, { utterance, startMs: positionMs });
    else this.open = { utterance, at, startMs: positionMs };
  }

  stopped(utterance: number, positionMs: number): void {
    // Otherwise a commit has taken it, which is to be answered.
    if (this.open?.utterance !== utterance) return;
    const { startMs } = this.open;
    this.open = null;
    this.ends.push({ at: this.bytes(positionMs), tag: '', utterance, startMs });
  }

  /** Its words are there. */
  answered(isIt: (ended: EndedSpeech) => boolean): void {
    const at = this.ends.findLastIndex(isIt);
    if (at < 0) return;
    const [last] = this.ends.splice(0, at + 1).slice(-1);
    if (last) this.done(Math.max(this.doneTo, last.at));
  }

  replay(): Replay {
    const last = this.ends.at(-1);
    const base = this.needed();
    const ended = new Map<string, EndedSpeech>();
    const steps: Replay['steps'] = [];
    for (const one of this.ends) {
      const tag = `again_${ended.size}`;
      ended.set(tag, one);
      steps.push({ at: one.at, message: { $case: 'commit', value: { tag } } });
    }
    const open = this.open?.utterance ?? null;
    let turnDetection = this.detectionThere;
    for (const { at, change } of this.asked) {
      // Up to the last known end nothing is to be detected.
      const isFree = last === undefined ? at > base : at > last.at;
      if (!change) steps.push({ at, message: { $case: 'clear', value: {} } });
      else if (isFree) steps.push({ at, message: { $case: 'turnDetection', value: change } });
      else turnDetection = change.turnDetection;
    }
    if (last === undefined) return { base, turnDetection, steps: inOrder(steps), ended, open };
    if (turnDetection)
      steps.push({ at: last.at, message: { $case: 'turnDetection', value: { turnDetection } } });
    return { base, turnDetection: undefined, steps: inOrder(steps), ended, open };
  }

  /** What the next talker would have to hear first. */
  private needed(): number {
    const { doneTo, open, bytesPerMs, end } = this;
    const since = (at: number) => this.onStep(Math.max(doneTo, at));
    if (this.ends.length > 0) return since(doneTo);
    if (open) return since(open.at - LEAD_MS * bytesPerMs);
    if (!this.detection || !this.detectionThere) return since(doneTo);
    return since(end - SILENCE_MS * bytesPerMs);
  }

  private done(at: number): void {
    this.doneTo = at;
    while (this.asked[0] && this.asked[0].at <= at) {
      const { change } = this.asked.shift() as (typeof this.asked)[0];
      if (change) this.detectionThere = change.turnDetection;
    }
  }

  private forget(sentTo: number): void {
    const { audio, keptBytes } = this;
    const excess = this.onStep(audio.end - keptBytes + STEP_MS * this.bytesPerMs);
    // Silence before somebody speaks is no utterance that would be lost.
    if (excess > this.needed() && this.detection && !this.open && this.ends.length === 0) this.done(excess);
    audio.forget(Math.min(sentTo, Math.max(this.needed(), excess)));
  }

  private onStep(at: number): number {
    return at - (at % (STEP_MS * this.bytesPerMs));
  }

  private bytes(positionMs: number): number {
    const at = Math.floor(positionMs * this.bytesPerMs);
    return Math.max(this.doneTo, Math.min(this.end, at - (at % 2)));
  }
}

/** At the same place what ended comes first. */
function inOrder(steps: Replay['steps']): Replay['steps'] {
  return steps.sort((a, b) => a.at - b.at);
}
