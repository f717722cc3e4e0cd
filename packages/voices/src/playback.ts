import type { SpokenPart } from '@zen/speech';

/** Somebody who plays what is spoken as soon as it comes: when will it be silent? */
export class Playback {
  private startedMs: number | null = null;
  private samples = 0;

  /** `sampleRate`: hertz. */
  constructor(private readonly sampleRate: number) {}

  /** When everything that came so far has been played: now, where nothing has come. */
  dueMs(nowMs: number): number {
    return this.startedMs === null ? nowMs : this.startedMs + (1000 * this.samples) / this.sampleRate;
  }

  /** The same parts, counted. */
  async *follow(parts: AsyncIterable<SpokenPart>): AsyncGenerator<SpokenPart> {
    for await (const part of parts) {
      this.startedMs ??= performance.now();
      this.samples += part.samples.length;
      yield part;
    }
  }
}
