import { setTimeout as sleep } from 'node:timers/promises';
import {
  type SpeechEngine,
  SpeechError,
  type SpeechOptions,
  type SpeechSession,
  type SpokenClause,
  type VoiceInfo,
} from '@zen/speech';

export interface PacedVoiceOptions {
  name?: string;
  sampleRate?: number;
  takesTokenIds?: boolean;
  /** Audio of one character, or id. */
  msPerCharacter?: number;
  /** Work per audio; 0 makes it at once. */
  realTimeFactor?: number;
  /** Parts that each clause is given in. */
  partsPerClause?: number;
}

/**
 * A voice of known pace whose samples say what they speak: each character (or id) is a stretch of one value, which is
 * its place in the text of its call, in 32,767ths, counted from 1. So a listener can tell what was said, and how often.
 * A clause ends after one of `,.;:!?` and the spaces behind it.
 */
export class PacedVoice implements SpeechEngine {
  readonly voices: readonly VoiceInfo[];
  /** Clauses that were begun, and sessions that wait for nothing more. */
  begun = 0;
  closed = false;
  readonly samplesPerCharacter: number;
  private readonly realTimeFactor: number;
  private readonly parts: number;

  constructor(options: PacedVoiceOptions = {}) {
    const { name = 'paced', sampleRate = 24_000, takesTokenIds = false } = options;
    this.voices = [{ name, language: 'en', sampleRate, takesTokenIds }];
    this.samplesPerCharacter = Math.round(((options.msPerCharacter ?? 60) * sampleRate) / 1000);
    this.realTimeFactor = options.realTimeFactor ?? 0;
    this.parts = options.partsPerClause ?? 1;
  }

  open({ voice, speed }: SpeechOptions): SpeechSession {
    if (voice !== this.voices[0]?.name)
      throw new SpeechError('unknown-voice', `voice: ${voice} is not known`);
    return new PacedSession((start, end, signal) => this.make(start, end, speed, signal), this.parts);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  private async make(start: number, end: number, speed: number, signal: AbortSignal): Promise<Float32Array> {
    this.begun += 1;
    const each = Math.round(this.samplesPerCharacter / speed);
    const samples = Float32Array.from(
      { length: each * (end - start) },
      (_, at) => (start + Math.floor(at / each) + 1) / 32_767,
    );
    const rate = this.voices[0]?.sampleRate ?? 1;
    const ms = (1000 * this.realTimeFactor * samples.length) / rate;
    if (ms > 0) await sleep(ms, undefined, { signal });
    return samples;
  }
}

class PacedSession implements SpeechSession {
  private text = '';
  private length = 0;
  private flushedTo = 0;
  private over = false;
  private wake = () => {};

  constructor(
    private readonly make: (start: number, end: number, signal: AbortSignal) => Promise<Float32Array>,
    private readonly parts: number,
  ) {}

  push(input: string | Uint32Array): void {
    // Ids have no clauses: each is one by itself.
    this.text += typeof input === 'string' ? input : '.'.repeat(input.length);
    this.length = this.text.length;
    this.wake();
  }

  flush(): void {
    this.flushedTo = this.length;
    this.wake();
  }

  end(): void {
    this.over = true;
    this.wake();
  }

  async *clauses(signal: AbortSignal): AsyncGenerator<SpokenClause> {
    const moved = () => this.wake();
    signal.addEventListener('abort', moved, { once: true });
    for (let start = 0; ; ) {
      const next = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      signal.throwIfAborted();
      const end = this.clauseEnd(start);
      if (end > start) {
        const began = performance.now();
        const samples = await this.make(start, end, signal);
        const computeUs = ((performance.now() - began) * 1000) / this.parts;
        for (let part = 0; part < this.parts; part++) {
          const cut = (index: number) => Math.round((index * samples.length) / this.parts);
          yield {
            textStart: start,
            textEnd: end,
            samples: samples.subarray(cut(part), cut(part + 1)),
            isLast: part === this.parts - 1,
            share: (part + 1) / this.parts,
            computeUs,
          };
        }
        start = end;
      } else if (this.over) return;
      else await next;
    }
  }

  /** Of the clause at `start`; `start` itself where it is not whole yet. */
  private clauseEnd(start: number): number {
    const rest = this.text.slice(start);
    // Spaces behind a clause may still be coming.
    const whole = /^[^,.;:!?]*[,.;:!?]+\s*(?=\S)/.exec(rest);
    if (whole) return start + whole[0].length;
    return this.over ? this.length : Math.max(start, this.flushedTo);
  }
}
