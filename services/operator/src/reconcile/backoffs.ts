import { Backoff } from '@zen/pause';

const FIRST_MS = 200;
const MOST_MS = 30_000;

/** When each resource is tried again after failures; a success forgets them. */
export class Backoffs {
  private readonly failures = new Map<string, { backoff: Backoff; untilMs: number }>();

  constructor(private readonly random: () => number) {}

  /** Milliseconds until it may be tried; 0 for now. */
  waitMs(key: string, nowMs: number): number {
    return Math.max(0, (this.failures.get(key)?.untilMs ?? 0) - nowMs);
  }

  failed(key: string, nowMs: number, leastMs = 0): void {
    const backoff = this.failures.get(key)?.backoff ?? new Backoff(FIRST_MS, MOST_MS, this.random);
    this.failures.set(key, { backoff, untilMs: nowMs + Math.max(leastMs, backoff.next()) });
  }

  succeeded(key: string): void {
    this.failures.delete(key);
  }

  /** Forgets what is no longer there. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.failures.keys()) if (!keys.has(key)) this.failures.delete(key);
  }
}
