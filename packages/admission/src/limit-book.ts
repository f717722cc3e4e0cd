/** What one key may use; null is no limit. */
export interface Limits {
  requestsPerMinute: number | null;
  /** Prompt and completion tokens together. */
  tokensPerMinute: number | null;
  /** Answers being produced at once. */
  streams: number | null;
}

/** A request that wants to count against a key's limits. */
export interface Take {
  key: string;
  limits: Limits;
  /** Estimated tokens of its prompt; `settle` corrects them. */
  tokens: number;
  /** Names its place among the answers at once: unique over all gateways. */
  lease: string;
  /** What was used elsewhere and is charged first. */
  owed?: { requests: number; tokens: number };
}

export interface Budget {
  /** What is left of a minute's budget; below zero what is owed. */
  level: number;
  /** Milliseconds until it is full. */
  resetMs: number;
}

export interface Verdict {
  /** Null: it is let in, and counted. Else nothing was taken. */
  denied: { what: 'requests' | 'tokens' | 'streams'; waitMs: number } | null;
  /** What is left after it; null where there is no limit. */
  requests: Budget | null;
  tokens: Budget | null;
}

/**
 * Keeps keys to their limits. Requests and tokens are budgets that refill evenly, a minute's worth at most; a budget
 * may fall below zero by what an answer cost beyond its estimate, and the debt is paid before the next request. A
 * limit that changes gives nobody more at once. All conditions are checked and taken as one.
 */
export interface LimitBook {
  take(take: Take): Promise<Verdict>;
  /** Ends an answer that was let in: gives its place back and charges `moreTokens` (less than zero gives back). */
  settle(take: Take, moreTokens: number): Promise<void>;
}

/** Milliseconds after which a place among the answers at once may be free again; nobody knows when an answer ends. */
export const STREAM_WAIT_MS = 1000;

export function isUnlimited({ requestsPerMinute, tokensPerMinute, streams }: Limits): boolean {
  return requestsPerMinute === null && tokensPerMinute === null && streams === null;
}

/** A fair part of the limits for one of several gateways that do not hear of each other. None is shut out. */
export function dividedBy(limits: Limits, gateways: number): Limits {
  const part = (limit: number | null) => (limit === null ? null : limit / gateways);
  return {
    requestsPerMinute: part(limits.requestsPerMinute),
    tokensPerMinute: part(limits.tokensPerMinute),
    streams: limits.streams === null ? null : Math.max(1, Math.floor(limits.streams / gateways)),
  };
}
