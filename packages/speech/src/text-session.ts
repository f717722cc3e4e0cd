import { type Clause, ClauseSplitter } from './clauses/clause-splitter';
import { MoreInput } from './more-input';
import type { SpeechSession, SpokenClause } from './speech-engine';
import { checkCancelled, SpeechError } from './speech-error';

/** A stretch of a clause's sound. */
export interface SpokenPart {
  /** Mono, -1 to 1. */
  samples: Float32Array;
  /** Work without waiting, microseconds. */
  computeUs: number;
  isLast: boolean;
  /** See SpokenClause. */
  share?: number;
}

/** Makes a clause's sound, a part at a time; also one that has no sound ends with a part that says so. */
export type SayClause = (clause: Clause, signal: AbortSignal) => AsyncIterable<SpokenPart>;

/** A session of a voice that takes text: clauses are said as soon as they are whole, when they are asked for. */
export class TextSession implements SpeechSession {
  private readonly splitter = new ClauseSplitter();
  private ended = false;
  private isRead = false;
  private readonly more = new MoreInput();

  constructor(private readonly say: SayClause) {}

  push(input: string | Uint32Array): void {
    if (typeof input !== 'string') {
      throw new SpeechError('bad-input', 'this voice takes text, not token ids');
    }
    if (this.ended) throw new SpeechError('bad-input', 'text after the end');
    this.splitter.push(input);
    this.more.came();
  }

  flush(): void {
    this.splitter.flush();
    this.more.came();
  }

  end(): void {
    this.ended = true;
    this.splitter.flush();
    this.more.came();
  }

  async *clauses(signal: AbortSignal): AsyncGenerator<SpokenClause> {
    if (this.isRead) throw new SpeechError('bad-input', 'a session is read once');
    this.isRead = true;
    for (;;) {
      checkCancelled(signal);
      const clause = this.splitter.take();
      if (clause) yield* this.spoken(clause, signal);
      else if (this.ended) return;
      else await this.more.wait(signal);
    }
  }

  private async *spoken(clause: Clause, signal: AbortSignal): AsyncGenerator<SpokenClause> {
    for await (const part of this.say(clause, signal)) {
      checkCancelled(signal);
      yield { textStart: clause.start, textEnd: clause.end, ...part };
    }
  }
}
