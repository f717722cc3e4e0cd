import type { TalkerSpeech } from '@zen/engine';
import { checkCancelled, MoreInput, SpeechError, type SpeechSession, type SpokenClause } from '@zen/speech';
import type { OmniPrompt } from './omni-prompt';
import { promptPieces } from './omni-prompt';

export interface OmniSessionParts {
  prompt: OmniPrompt;
  /** Called once, when the first frame is asked for. */
  openSpeech(): TalkerSpeech;
  /** Numbers of a hidden row. */
  width: number;
  /** Ids below this are the thinker's. */
  textVocab: number;
  /** Most ids, and most frames. */
  room: number;
  nowUs(): number;
}

/** Rows of a prompt between two looks at the signal. */
const PIECE = 64;

/**
 * An answer spoken while its ids come. The prompt is computed before the first of them is there; frame n needs ids 0 to
 * n, so it leaves while later ones are still being thought. Each frame is a clause of its own: [n, n + 1) of the ids.
 */
export class OmniSession implements SpeechSession {
  private readonly ids: number[] = [];
  private ended = false;
  private isRead = false;
  private readonly more = new MoreInput();

  constructor(private readonly parts: OmniSessionParts) {}

  push(input: string | Uint32Array): void {
    if (typeof input === 'string') throw new SpeechError('bad-input', 'this voice takes token ids, not text');
    if (this.ended) throw new SpeechError('bad-input', 'ids after the end');
    const { room, textVocab } = this.parts;
    if (this.ids.length + input.length > room) {
      throw new SpeechError('bad-input', `tokens.ids: must be at most ${room} beside this prompt`);
    }
    const unknown = input.find((id) => id >= textVocab);
    if (unknown !== undefined) {
      throw new SpeechError('bad-input', `tokens.ids: ${unknown} must be below ${textVocab}`);
    }
    this.ids.push(...input);
    this.more.came();
  }

  /** Nothing waits for more than the next id. */
  flush(): void {}

  end(): void {
    this.ended = true;
    this.more.came();
  }

  async *clauses(signal: AbortSignal): AsyncGenerator<SpokenClause> {
    if (this.isRead) throw new SpeechError('bad-input', 'a session is read once');
    this.isRead = true;
    checkCancelled(signal);
    const { prompt, width, room, nowUs } = this.parts;
    const speech = this.parts.openSpeech();
    try {
      let sinceUs = nowUs();
      for (const piece of promptPieces(prompt, width, PIECE)) {
        await working(speech.prefill(piece));
        checkCancelled(signal);
      }
      await working(speech.begin(prompt.begin));
      let computeUs = nowUs() - sinceUs;
      for (let n = 0; ; n++) {
        const text = await this.next(n, signal);
        if (text === null) return;
        if (n >= room) throw new SpeechError('broken', `the talker did not end within ${room} frames`);
        sinceUs = nowUs();
        const frame = await working(speech.speak(text));
        checkCancelled(signal);
        if (!frame) return;
        computeUs += nowUs() - sinceUs;
        const { length } = this.ids;
        yield {
          textStart: Math.min(n, length),
          textEnd: Math.min(n + 1, length),
          samples: frame.samples,
          isLast: true,
          computeUs,
        };
        computeUs = 0;
      }
    } finally {
      await speech.close();
    }
  }

  /** What the talker reads for frame n; null where there is nothing to say. */
  private async next(n: number, signal: AbortSignal): Promise<number | 'end' | 'pad' | null> {
    for (;;) {
      checkCancelled(signal);
      const id = this.ids[n];
      if (id !== undefined) return id;
      if (this.ended) return this.ids.length === 0 ? null : n === this.ids.length ? 'end' : 'pad';
      await this.more.wait(signal);
    }
  }
}

async function working<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new SpeechError('broken', `the talker: ${(error as Error).message}`, { cause: error });
  }
}
