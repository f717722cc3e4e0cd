import type { TalkerSpeech } from '@zen/engine';
import {
  checkCancelled,
  MoreInput,
  SpeechError,
  type SpeechSession,
  type SpokenClause,
  type TalkerPrompt,
} from '@zen/speech';
import { type OmniPrompt, type OmniRows, promptPieces } from './omni-prompt';

export interface OmniSessionParts {
  prompt: OmniPrompt;
  /** Called once, when the first frame is asked for. */
  openSpeech(): TalkerSpeech;
  /** Numbers of a hidden row. */
  width: number;
  /** Ids below this are the thinker's. */
  textVocab: number;
  /** Most rows of the prompt together with ids, or with frames. */
  rows: number;
  nowUs(): number;
}

/** Rows of a prompt between two looks at the signal. */
const PIECE = 64;

/**
 * An answer spoken while its ids come. The prompt is computed piece by piece, before the first of them is there; frame n
 * needs ids 0 to n, so it leaves while later ones are still being thought. Each frame is a clause of its own: [n, n + 1)
 * of the ids.
 */
export class OmniSession implements SpeechSession {
  private readonly ids: number[] = [];
  /** Of the prompt, not computed yet. */
  private readonly coming: OmniRows[] = [];
  /** What begins the answer, once the prompt is whole. */
  private start: Int32Array | null = null;
  private ended = false;
  private isRead = false;
  private readonly more = new MoreInput();

  constructor(private readonly parts: OmniSessionParts) {}

  pushPrompt(piece: TalkerPrompt): void {
    const { prompt, rows } = this.parts;
    if (this.start) throw new SpeechError('bad-input', 'prompt: the piece before it was the last');
    const own = prompt.add(piece);
    if (this.room < 1) {
      throw new SpeechError('bad-input', `prompt.token_ids: must have at most ${rows - 1} of users' tokens`);
    }
    this.coming.push(own);
    if (!piece.more) this.start = prompt.begin();
    this.more.came();
  }

  push(input: string | Uint32Array): void {
    if (typeof input === 'string') throw new SpeechError('bad-input', 'this voice takes token ids, not text');
    if (this.ended) throw new SpeechError('bad-input', 'ids after the end');
    if (!this.start) throw new SpeechError('bad-input', 'ids before the whole prompt');
    const { room } = this;
    const { textVocab } = this.parts;
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
    const { nowUs } = this.parts;
    const speech = this.parts.openSpeech();
    try {
      let computeUs = await this.prefill(speech, signal);
      if (!this.start) return;
      let sinceUs = nowUs();
      await working(speech.begin(this.start));
      computeUs += nowUs() - sinceUs;
      const { room } = this;
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

  private get room(): number {
    return this.parts.rows - this.parts.prompt.length;
  }

  /** Computes the prompt as it comes; gives the microseconds that took. */
  private async prefill(speech: TalkerSpeech, signal: AbortSignal): Promise<number> {
    const { width, nowUs } = this.parts;
    let computeUs = 0;
    for (;;) {
      const rows = this.coming.shift();
      if (rows) {
        for (const piece of promptPieces(rows, width, PIECE)) {
          const sinceUs = nowUs();
          await working(speech.prefill(piece));
          computeUs += nowUs() - sinceUs;
          checkCancelled(signal);
        }
        continue;
      }
      if (this.start || this.ended) return computeUs;
      await this.more.wait(signal);
      checkCancelled(signal);
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
