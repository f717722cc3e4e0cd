import { randomUUID } from 'node:crypto';
import type { Budget, LimitBook, Take, Verdict } from '@zen/admission';
import { GatewayError } from '../gateway-error';
import type { Tenant } from './tenant';

/** A request that was let in. `end` gives its stream back and counts what it really cost; only once. */
export interface Admission {
  headers: Record<string, string>;
  end(tokens: number): void;
}

/** Keeps every key to its limits, as the book counts them. */
export class Limiter {
  constructor(private readonly book: LimitBook) {}

  /** Lets a request of about `promptTokens` in, or throws what it must wait for. */
  async admit(tenant: Tenant, promptTokens: number): Promise<Admission> {
    const { keyId, requestsPerMinute, tokensPerMinute, streams } = tenant;
    const limits = { requestsPerMinute, tokensPerMinute, streams };
    const take: Take = { key: keyId, limits, tokens: promptTokens, lease: randomUUID() };
    const verdict = await this.book.take(take);
    const headers = rateHeaders(tenant, verdict);
    if (verdict.denied) {
      const { what, waitMs } = verdict.denied;
      const message = {
        requests: `at most ${requestsPerMinute} requests a minute`,
        tokens: `at most ${tokensPerMinute} tokens a minute`,
        streams: `at most ${streams} answers at once`,
      }[what];
      throw new GatewayError('rate_limit_exceeded', `rate limit: ${message}`, {
        retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
        headers,
      });
    }
    let ended = false;
    const end = (tokens: number) => {
      if (ended) return;
      ended = true;
      // Nobody waits for it, and the book does not fail: what it cannot tell now it charges later.
      void this.book.settle(take, tokens - promptTokens);
    };
    return { headers, end };
  }
}

function rateHeaders(
  { requestsPerMinute, tokensPerMinute }: Tenant,
  verdict: Verdict,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const say = (name: string, limit: number | null, budget: Budget | null) => {
    if (limit === null || budget === null) return;
    headers[`x-ratelimit-limit-${name}`] = String(limit);
    headers[`x-ratelimit-remaining-${name}`] = String(Math.max(0, Math.floor(budget.level)));
    headers[`x-ratelimit-reset-${name}`] = `${(budget.resetMs / 1000).toFixed(3)}s`;
  };
  say('requests', requestsPerMinute, verdict.requests);
  say('tokens', tokensPerMinute, verdict.tokens);
  return headers;
}
