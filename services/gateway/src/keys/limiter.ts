import { randomUUID } from 'node:crypto';
import type { Budget, LimitBook, Take, Verdict } from '@zen/admission';
import { GatewayError } from '../gateway-error';
import type { Tenant } from './tenant';

/** A request that was let in. `end` gives its stream back and counts what it really cost; only once. */
export interface Admission {
  headers: Record<string, string>;
  end(tokens: number): void;
}

/** A file that may be sent. `end` says how many of its bytes were; only once. */
export interface ArtifactAdmission {
  end(sentBytes: number): void;
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
    refuseDenied(verdict, headers, {
      requests: `at most ${requestsPerMinute} requests a minute`,
      tokens: `at most ${tokensPerMinute} tokens a minute`,
      streams: `at most ${streams} answers at once`,
    });
    return { headers, end: this.endOf(take) };
  }

  /**
   * Lets so many bytes of an artifact go out, or throws what they must wait for. A key's artifacts are an account of
   * their own, in which bytes stand where its answers have tokens. A file larger than a minute's bytes goes out when
   * all of them are there, and is paid off before the next.
   */
  async admitArtifact(tenant: Tenant, bytes: number): Promise<ArtifactAdmission> {
    const { artifactRequestsPerMinute: requests, artifactBytesPerMinute: perMinute } = tenant;
    const limits = { requestsPerMinute: requests, tokensPerMinute: perMinute, streams: null };
    const take: Take = { key: `${tenant.keyId} artifacts`, limits, tokens: bytes, lease: randomUUID() };
    refuseDenied(
      await this.book.take(take),
      {},
      {
        requests: `at most ${requests} requests of artifacts a minute`,
        tokens: `at most ${perMinute} bytes of artifacts a minute`,
        streams: '',
      },
    );
    return { end: this.endOf(take) };
  }

  private endOf(take: Take): (amount: number) => void {
    let ended = false;
    return (amount) => {
      if (ended) return;
      ended = true;
      // Nobody waits for it, and the book does not fail: what it cannot tell now it charges later.
      void this.book.settle(take, amount - take.tokens);
    };
  }
}

type Denied = NonNullable<Verdict['denied']>;

function refuseDenied(
  { denied }: Verdict,
  headers: Record<string, string>,
  messages: Record<Denied['what'], string>,
): void {
  if (!denied) return;
  throw new GatewayError('rate_limit_exceeded', `rate limit: ${messages[denied.what]}`, {
    retryAfterS: Math.max(1, Math.ceil(denied.waitMs / 1000)),
    headers,
  });
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
