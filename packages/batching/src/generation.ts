import type { ExpertFalls } from './step-backend';

export type GenerationEvent =
  | Started
  | {
      type: 'token';
      token: number;
      logprob: number;
      topTokens: Int32Array;
      topLogprobs: Float32Array;
      stage: number;
      /** Of its sequence so far, the prompt included. */
      expertFalls: Readonly<ExpertFalls>;
    }
  | Finished;

export interface Started {
  type: 'started';
  stage: number;
  promptTokens: number;
  cachedTokens: number;
  /** From submission to admission, microseconds. */
  queueUs: number;
}

export interface Finished {
  type: 'finished';
  reason: 'stopToken' | 'stopText' | 'length' | 'cancelled' | 'deadline';
  /** Index of the stop text that matched, -1 if none. */
  stopIndex: number;
  promptTokens: number;
  cachedTokens: number;
  /** Tokens of the answer, the one that ended it included. */
  completionTokens: number;
  /** Tokens that were guessed for this answer, and those of them that came out. */
  draftTokens: number;
  acceptedDraftTokens: number;
  expertFalls: Readonly<ExpertFalls>;
}

/**
 * The consumer's side of one request: an async iterable of batches of events. What is not taken is kept, and
 * after `Limits.maxUnread` tokens the sequence pauses. Leaving the iteration cancels.
 */
export class Generation implements AsyncIterable<GenerationEvent[]> {
  private events: GenerationEvent[] = [];
  private failure: Error | null = null;
  private ended = false;
  private wake: (() => void) | null = null;
  /** Token events that were not taken yet. */
  unread = 0;

  constructor(private readonly hooks: { taken(): void; cancel(): void }) {}

  push(event: GenerationEvent): void {
    this.events.push(event);
    if (event.type === 'token') this.unread++;
    if (event.type === 'finished') this.ended = true;
    this.wake?.();
  }

  /** Takes back the untaken tokens from the first that this stage or a higher one computed; says how many. */
  retract(stage: number): number {
    const first = this.events.findIndex((event) => event.type === 'token' && event.stage >= stage);
    if (first < 0) return 0;
    const { length } = this.events.splice(first);
    this.unread -= length;
    return length;
  }

  fail(error: Error): void {
    this.failure = error;
    this.ended = true;
    this.wake?.();
  }

  /** Ends the request within one step; no effect on one that has ended. */
  cancel(): void {
    this.hooks.cancel();
  }

  /** All events so far, at least one; null at the end. Rejects once with the failure, after what came before it. */
  async next(): Promise<GenerationEvent[] | null> {
    while (this.events.length === 0) {
      if (this.failure) throw this.failure;
      if (this.ended) return null;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    const events = this.events;
    this.events = [];
    this.unread = 0;
    this.hooks.taken();
    return events;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent[], void, undefined> {
    try {
      for (let events = await this.next(); events !== null; events = await this.next()) yield events;
    } finally {
      this.cancel();
    }
  }
}
