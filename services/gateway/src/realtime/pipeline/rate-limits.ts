import type { RateLimit } from '@zen/realtime';

/** What the headers of an admission say, as the event has it; empty where the key has no limits. */
export function rateLimits(headers: Readonly<Record<string, string>>): RateLimit[] {
  return (['requests', 'tokens'] as const).flatMap((name) => {
    const limit = headers[`x-ratelimit-limit-${name}`];
    if (limit === undefined) return [];
    const remaining = Number(headers[`x-ratelimit-remaining-${name}`] ?? 0);
    const reset_seconds = Number.parseFloat(headers[`x-ratelimit-reset-${name}`] ?? '0');
    return [{ name, limit: Number(limit), remaining, reset_seconds }];
  });
}
