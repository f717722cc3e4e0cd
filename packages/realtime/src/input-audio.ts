import { type AudioCodec, decodedLength, durationMs } from './audio-codec';
import type { Listening } from './ports';

/** Fewer milliseconds than this are no utterance. */
export const LEAST_COMMIT_MS = 100;

/** What is known of the audio that a session takes in: how much, and which item each utterance becomes. */
export class InputAudio {
  /** Of the listening call that is open; 0 for none yet. */
  call = 0;
  /** Since the last commit. */
  bufferedMs = 0;
  /** The item that the next commit makes. */
  private nextItem: string | null = null;
  /** Whether somebody speaks. */
  speaking = false;
  private totalMs = 0;
  private callBaseMs = 0;
  private how: Listening | null = null;
  private readonly utterances = new Map<number, string>();
  /** Characters of an item's transcript that its client has been told. */
  private readonly told = new Map<string, number>();

  constructor(private readonly newItemId: () => string) {}

  /** Whether listening has to begin, or begin anew, for audio to be taken as said. */
  begins(how: Listening): boolean {
    const now = this.how;
    const same = now && now.codec === how.codec && now.language === how.language && now.prompt === how.prompt;
    this.how = how;
    if (same) return false;
    this.call++;
    this.callBaseMs = this.totalMs;
    this.utterances.clear();
    this.speaking = false;
    this.nextItem = null;
    this.bufferedMs = 0;
    return true;
  }

  get open(): boolean {
    return this.how !== null;
  }

  /** Nothing listens any more. */
  lost(): void {
    this.how = null;
    this.clear();
  }

  append(audio: string, codec: AudioCodec): void {
    const ms = durationMs(decodedLength(audio), codec);
    this.bufferedMs += ms;
    this.totalMs += ms;
  }

  /** Milliseconds of the session's audio so far. */
  get elapsedMs(): number {
    return Math.round(this.totalMs);
  }

  /** Of the session, from a position of the call. */
  position(positionMs: number): number {
    return Math.round(this.callBaseMs + positionMs);
  }

  started(utterance: number): string {
    this.speaking = true;
    const itemId = this.pendingItem;
    this.utterances.set(utterance, itemId);
    return itemId;
  }

  /** The item of an utterance whose end was detected; undefined where a commit took it before. */
  stopped(utterance: number): string | undefined {
    this.speaking = false;
    const itemId = this.utterances.get(utterance);
    if (itemId === undefined || itemId !== this.nextItem) return undefined;
    return this.commit();
  }

  /** The item that takes all audio since the last commit. */
  commit(): string {
    const itemId = this.pendingItem;
    this.nextItem = null;
    this.bufferedMs = 0;
    return itemId;
  }

  clear(): void {
    this.nextItem = null;
    this.bufferedMs = 0;
    this.speaking = false;
  }

  itemOf(utterance: number, tag: string): string {
    if (tag !== '') return tag;
    return this.utterances.get(utterance) ?? this.pendingItem;
  }

  /** What is new in a transcript for whoever has been told its beginning. */
  news(itemId: string, text: string, upTo: number): string {
    const from = this.told.get(itemId) ?? 0;
    if (upTo <= from) return '';
    this.told.set(itemId, upTo);
    return text.slice(from, upTo);
  }

  /** Nothing more comes of it. */
  forget(itemId: string): void {
    this.told.delete(itemId);
    for (const [utterance, one] of this.utterances) if (one === itemId) this.utterances.delete(utterance);
  }

  get pendingItem(): string {
    this.nextItem ??= this.newItemId();
    return this.nextItem;
  }
}
