import { GatewayError } from '../gateway-error';
import type { Tenant } from './tenant';
import { TokenBucket } from './token-bucket';

/** A request that was let in. `end` gives its stream back and counts what it really cost; only once. */
export interface Admission {
  headers: Record<string, string>;
  end(tokens: number): void;
}

interface Usage {
  requests: TokenBucket | null;
  tokens: TokenBucket | null;
  streams: number;
}

/** Keeps every key to its limits. Time comes in through `now`. */
export class Limiter {
  private readonly usage = new Map<string, Usage>();

  constructor(private readonly now: () => number) {}

  /** Lets a request of about `promptTokens` in, or throws what it must wait for. */
  admit(tenant: Tenant, promptTokens: number): Admission {
    const nowMs = this.now();
    const usage = this.usageOf(tenant, nowMs);
    const headers = () => rateHeaders(usage, this.now());
    const requestWaitMs = usage.requests?.waitMs(1, nowMs) ?? 0;
    if (requestWaitMs > 0) {
      throw refusal(`at most ${tenant.requestsPerMinute} requests a minute`, requestWaitMs, headers());
    }
    const tokenWaitMs = usage.tokens?.waitMs(promptTokens, nowMs) ?? 0;
    if (tokenWaitMs > 0) {
      throw refusal(`at most ${tenant.tokensPerMinute} tokens a minute`, tokenWaitMs, headers());
    }
    if (tenant.streams !== null && usage.streams >= tenant.streams) {
      throw refusal(`at most ${tenant.streams} answers at once`, 1000, headers());
    }
    usage.requests?.take(1, nowMs);
    usage.tokens?.take(promptTokens, nowMs);
    usage.streams++;
    let ended = false;
    const end = (tokens: number) => {
      if (ended) return;
      ended = true;
      usage.streams--;
      usage.tokens?.take(tokens - promptTokens, this.now());
    };
    return { headers: headers(), end };
  }

  private usageOf({ keyId, requestsPerMinute, tokensPerMinute }: Tenant, nowMs: number): Usage {
    let usage = this.usage.get(keyId);
    if (!usage) {
      usage = { requests: null, tokens: null, streams: 0 };
      this.usage.set(keyId, usage);
    }
    usage.requests = bucket(usage.requests, requestsPerMinute, nowMs);
    usage.tokens = bucket(usage.tokens, tokensPerMinute, nowMs);
    return usage;
  }
}

/** The same bucket while the limit is the same: reading the key file again gives nobody a new budget. */
function bucket(old: TokenBucket | null, perMinute: number | null, nowMs: number): TokenBucket | null {
  if (perMinute === null) return null;
  return old?.perMinute === perMinute ? old : new TokenBucket(perMinute, nowMs);
}

function refusal(message: string, waitMs: number, headers: Record<string, string>): GatewayError {
  return new GatewayError('rate_limit_exceeded', `rate limit: ${message}`, {
    retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
    headers,
  });
}

function rateHeaders({ requests, tokens }: Usage, nowMs: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, bucket] of Object.entries({ requests, tokens })) {
    if (!bucket) continue;
    headers[`x-ratelimit-limit-${name}`] = String(bucket.perMinute);
    headers[`x-ratelimit-remaining-${name}`] = String(bucket.remaining(nowMs));
    headers[`x-ratelimit-reset-${name}`] = `${(bucket.resetMs(nowMs) / 1000).toFixed(3)}s`;
  }
  return headers;
}
