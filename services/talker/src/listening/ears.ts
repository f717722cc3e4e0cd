import type { Silero, Transcriber } from '@zen/hearing';
import { Backoff, pause } from '@zen/pause';
import { TalkerError } from '../talker-error';
import type { Listening } from './listening';

/** What listening needs. */
export interface Hearing {
  silero: Pick<Silero, 'stream' | 'close'>;
  transcriber: Transcriber;
}

/** Where they come from; null: this talker only speaks. */
export interface EarsSource {
  /** Fetches what they need, then opens them; called again after a failure. */
  open(signal: AbortSignal): Promise<Hearing>;
}

export interface EarsEvents {
  opened(name: string, elapsedMs: number): void;
  /** It is tried again. */
  failed(error: unknown): void;
}

const FIRST_RETRY_MS = 1000;
const MOST_RETRY_MS = 60_000;

/** Who listens here, and how many are listened to. */
export class Ears implements Listening {
  listening = 0;
  private hearing: Hearing | null = null;

  constructor(
    private readonly source: EarsSource | null,
    private readonly most: number,
    private readonly events: EarsEvents,
  ) {}

  /** Whether all that was asked for is here. */
  get ready(): boolean {
    return this.source === null || this.hearing !== null;
  }

  get transcriber(): string {
    return this.hearing?.transcriber.name ?? '';
  }

  get maxListening(): number {
    return this.source === null ? 0 : this.most;
  }

  /** @throws TalkerError where nobody listens */
  require(): Hearing {
    if (this.hearing) return this.hearing;
    if (this.source === null) throw new TalkerError('deaf', 'this talker only speaks (ZEN_TALKER_EARS)');
    throw new TalkerError('not-ready', 'the transcriber is not here yet');
  }

  /** A place, and what to call once when it is free again. @throws TalkerError full */
  take(): () => void {
    if (this.listening >= this.most) {
      throw new TalkerError('full', `max_listening: ${this.most} are listened to, which is all that may be`);
    }
    this.listening += 1;
    let held = true;
    return () => {
      if (held) this.listening -= 1;
      held = false;
    };
  }

  /** Resolves when they are there or the signal ends it. */
  async open(signal: AbortSignal): Promise<void> {
    if (this.source === null) return;
    const backoff = new Backoff(FIRST_RETRY_MS, MOST_RETRY_MS, Math.random);
    while (!signal.aborted) {
      const began = performance.now();
      try {
        this.hearing = await this.source.open(signal);
        this.events.opened(this.transcriber, performance.now() - began);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.events.failed(error);
        await pause(backoff.next(), signal);
      }
    }
  }

  /** After the last call has ended. */
  async close(): Promise<void> {
    const { hearing } = this;
    this.hearing = null;
    await hearing?.transcriber.close();
    await hearing?.silero.close();
  }
}
