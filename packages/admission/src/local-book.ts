import { type Budget, type LimitBook, STREAM_WAIT_MS, type Take, type Verdict } from './limit-book';
import { TokenBucket } from './token-bucket';

interface Usage {
  requests: TokenBucket | null;
  tokens: TokenBucket | null;
  leases: Set<string>;
}

/** The limits as one process keeps them by itself. Time comes in through `now`, milliseconds. */
export class LocalBook implements LimitBook {
  private readonly usages = new Map<string, Usage>();

  constructor(private readonly now: () => number) {}

  async take(take: Take): Promise<Verdict> {
    return this.takeNow(take);
  }

  async settle(take: Take, moreTokens: number): Promise<void> {
    this.settleNow(take, moreTokens);
  }

  takeNow(take: Take): Verdict {
    const nowMs = this.now();
    const { requests, tokens, leases } = this.usageOf(take, nowMs);
    const { streams } = take.limits;
    requests?.take(take.owed?.requests ?? 0, nowMs);
    tokens?.take(take.owed?.tokens ?? 0, nowMs);
    const verdict = (denied: Verdict['denied']): Verdict => {
      return { denied, requests: budgetOf(requests, nowMs), tokens: budgetOf(tokens, nowMs) };
    };
    const requestWaitMs = requests?.waitMs(1, nowMs) ?? 0;
    if (requestWaitMs > 0) return verdict({ what: 'requests', waitMs: requestWaitMs });
    const tokenWaitMs = tokens?.waitMs(take.tokens, nowMs) ?? 0;
    if (tokenWaitMs > 0) return verdict({ what: 'tokens', waitMs: tokenWaitMs });
    if (streams !== null && leases.size >= streams) {
      return verdict({ what: 'streams', waitMs: STREAM_WAIT_MS });
    }
    requests?.take(1, nowMs);
    tokens?.take(take.tokens, nowMs);
    if (streams !== null) leases.add(take.lease);
    return verdict(null);
  }

  settleNow({ key, lease }: Take, moreTokens: number): void {
    const usage = this.usages.get(key);
    usage?.leases.delete(lease);
    usage?.tokens?.take(moreTokens, this.now());
  }

  /** Notes what another book decided: `share` of what is left there is here. */
  assume(take: Take, { denied, requests, tokens }: Verdict, share: number): void {
    const nowMs = this.now();
    const usage = this.usageOf(take, nowMs);
    if (requests) usage.requests?.assume(requests.level * share, nowMs);
    if (tokens) usage.tokens?.assume(tokens.level * share, nowMs);
    if (!denied && take.limits.streams !== null) usage.leases.add(take.lease);
  }

  /** Answers that run under a limit of answers at once, by key. */
  *leases(): Generator<[key: string, leases: ReadonlySet<string>]> {
    for (const [key, { leases }] of this.usages) if (leases.size > 0) yield [key, leases];
  }

  private usageOf({ key, limits }: Take, nowMs: number): Usage {
    let usage = this.usages.get(key);
    if (!usage) {
      usage = { requests: null, tokens: null, leases: new Set() };
      this.usages.set(key, usage);
    }
    usage.requests = bucketOf(usage.requests, limits.requestsPerMinute, nowMs);
    usage.tokens = bucketOf(usage.tokens, limits.tokensPerMinute, nowMs);
    return usage;
  }
}

/** The same bucket, whatever the limit becomes. */
export function bucketOf(
  old: TokenBucket | null,
  perMinute: number | null,
  nowMs: number,
): TokenBucket | null {
  if (perMinute === null) return null;
  if (!old) return new TokenBucket(perMinute, nowMs);
  if (old.perMinute !== perMinute) old.resize(perMinute, nowMs);
  return old;
}

function budgetOf(bucket: TokenBucket | null, nowMs: number): Budget | null {
  return bucket && { level: bucket.level(nowMs), resetMs: bucket.resetMs(nowMs) };
}
