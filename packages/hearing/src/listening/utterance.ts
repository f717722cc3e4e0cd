import type { TranscriptPart, WindowTranscript } from '../whisper/transcript';
import { agree, NOTHING_SETTLED, type Settled } from './agreement';
import type { HeardTranscript } from './heard';
import { SpeechWindow } from './speech-window';

const SAMPLES_PER_MS = 16;
/** A language is believed from so much audio on, samples. */
const SURE_OF_LANGUAGE = 48_000;

/** A transcript that was begun when its speaker paused. */
export interface Ahead {
  /** It is the whole as long as nobody has spoken since. */
  speechEnd: number;
  transcript: Promise<WindowTranscript>;
  stop: AbortController;
}

/** What is said between two ends: windows that are decided, and one that is not. */
export class Utterance {
  readonly window: SpeechWindow;
  /** Whoever works for it stops. */
  readonly over = new AbortController();
  /** Partial that is under way. */
  partial: AbortController | null = null;
  ahead: Ahead | null = null;
  /** Windows that are being decided. */
  deciding = 0;
  /** Settled when those are. */
  decided: Promise<void> = Promise.resolve();
  /** Where the last partial ended and what it cost. */
  partialEnd = 0;
  partialUs = 0;
  /** Ids of the last transcript of the window. */
  guess: readonly number[] = [];
  settled: Settled = NOTHING_SETTLED;
  private text = '';
  private readonly segments: TranscriptPart[] = [];
  private readonly words: TranscriptPart[] = [];
  private computeUs = 0;
  private tokens = 0;
  private logSum = 0;
  private noSpeech = 1;

  constructor(
    readonly index: number,
    /** Samples since the call's beginning. */
    readonly start: number,
    public language: string,
  ) {
    this.window = new SpeechWindow(start);
  }

  /** Something was found in the window that is not decided. Null where it contradicts what was settled. */
  partially(found: WindowTranscript, end: number): HeardTranscript | null {
    this.worked(found);
    if (found.ids.slice(0, this.settled.ids.length).join() !== this.settled.ids.join()) return null;
    this.settled = agree(this.guess, found, this.settled);
    this.guess = found.ids;
    const whole = this.text + found.text;
    const text = whole.trim();
    const lead = whole.length - whole.trimStart().length;
    const settled = this.text.length + this.settled.characters - lead;
    return {
      ...this.described(text, end, found.language),
      stableLength: Math.max(0, Math.min(text.length, settled)),
      logProbability: found.logProbability,
      noSpeechProbability: found.noSpeechProbability,
    };
  }

  /** A window's text, for good. @param start of the window */
  decide(found: WindowTranscript, start: number): void {
    this.worked(found);
    const later = (part: TranscriptPart): TranscriptPart => ({
      ...part,
      startMs: part.startMs + Math.round(start / SAMPLES_PER_MS),
      endMs: part.endMs + Math.round(start / SAMPLES_PER_MS),
    });
    this.text += found.text;
    this.segments.push(...found.segments.map(later));
    this.words.push(...found.words.map(later));
    this.tokens += found.ids.length;
    this.logSum += found.logProbability * found.ids.length;
    this.noSpeech = Math.min(this.noSpeech, found.noSpeechProbability);
  }

  /** All of it. */
  finally(end: number, tag: string): HeardTranscript {
    const text = this.text.trim();
    return {
      ...this.described(text, end, this.language),
      final: true,
      stableLength: text.length,
      tag,
      segments: this.segments,
      words: this.words,
      logProbability: this.tokens === 0 ? 0 : this.logSum / this.tokens,
      noSpeechProbability: this.noSpeech,
    };
  }

  private worked({ computeUs, language }: WindowTranscript): void {
    this.computeUs += computeUs;
    if (this.language === '' && this.window.length >= SURE_OF_LANGUAGE) this.language = language;
    this.heardLanguage = language;
  }

  private heardLanguage = '';

  private described(text: string, end: number, language: string) {
    return {
      kind: 'transcript' as const,
      utterance: this.index,
      text,
      final: false,
      language: language || this.heardLanguage,
      startMs: Math.round(this.start / SAMPLES_PER_MS),
      endMs: Math.round(end / SAMPLES_PER_MS),
      tag: '',
      segments: [],
      words: [],
      computeUs: this.computeUs,
    };
  }
}
