import type { Take } from './limit-book';
import { bucketOf } from './local-book';
import type { TokenBucket } from './token-bucket';

/**
 * What was used of budgets that are kept elsewhere while that place could not be told. It fades as the budgets
 * themselves would have refilled, so a long absence is not paid for longer than a minute's use.
 */
export class Debts {
  private readonly keys = new Map<string, { requests: TokenBucket | null; tokens: TokenBucket | null }>();

  charge({ key, limits }: Take, requests: number, tokens: number, nowMs: number): void {
    const old = this.keys.get(key);
    const entry = {
      requests: bucketOf(old?.requests ?? null, limits.requestsPerMinute, nowMs),
      tokens: bucketOf(old?.tokens ?? null, limits.tokensPerMinute, nowMs),
    };
    entry.requests?.take(requests, nowMs);
    entry.tokens?.take(tokens, nowMs);
    this.keys.set(key, entry);
  }

  /** What is still owed, and from now on not any more. */
  collect(key: string, nowMs: number): { requests: number; tokens: number } | undefined {
    const entry = this.keys.get(key);
    if (!entry) return undefined;
    this.keys.delete(key);
    const owed = (bucket: TokenBucket | null) => (bucket ? bucket.perMinute - bucket.level(nowMs) : 0);
    return { requests: owed(entry.requests), tokens: owed(entry.tokens) };
  }
}
