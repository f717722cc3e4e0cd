import type { Ask } from './asks';

/** What every request of the traffic says beside its question. */
export interface Terms {
  model: string;
  /** Pinned, so that the answer is one text whoever gives it. */
  stage: number;
}

/** What happens to one stream, told as it happens. */
export interface Listener {
  piece(): void;
  /** It broke off before its first piece, or was refused, and is asked again. */
  retried(why: string): void;
  /** It broke off in its middle and is continued with its resume token. */
  resumed(why: string): void;
}

/** Gives the whole text of an answer, asking again and resuming as a good client does; rejects when that ends. */
export type Stream = (ask: Ask, terms: Terms, listener: Listener, signal: AbortSignal) => Promise<string>;

/** How long a client goes on asking. */
export const PATIENCE_MS = 90_000;

/** Waits as long as the server asked for, or a little, longer from time to time; at most 5 s. */
export async function backOff(
  attempt: number,
  askedMs: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const ms = Math.min(
    5000,
    Math.max(askedMs ?? 0, 100 * 2 ** Math.min(attempt, 5)) * (0.75 + Math.random() / 2),
  );
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
