import { createHash } from 'node:crypto';
import { type Budget, type LimitBook, STREAM_WAIT_MS, type Take, type Verdict } from '@zen/admission';
import { Redis, type RedisOptions } from 'ioredis';
import { PRESENT, RENEW, SETTLE, TAKE } from './limit-scripts';

export interface RedisBookOptions {
  /** `redis://` or `rediss://`, with user and database but without a password. */
  url: string;
  password: string | undefined;
  /** PEM of the authority that signed its certificate; undefined for those that the system knows. */
  ca: string | undefined;
  /** Milliseconds that one command may take. */
  deadlineMs: number;
  /** Milliseconds after which a place is free again whose gateway has not renewed it. */
  leaseMs: number;
  /** This gateway, unlike any other. */
  name: string;
  /** Told of each failure of the connection; the message holds no secret. */
  onFailure(message: string): void;
  /** It is connected, again or for the first time. */
  onReady(): void;
}

interface Scripts {
  zenTake(...args: (string | number)[]): Promise<[string, number, string, string]>;
  zenSettle(...args: (string | number)[]): Promise<unknown>;
  zenRenew(...args: (string | number)[]): Promise<unknown>;
  zenPresent(...args: (string | number)[]): Promise<number>;
}

const GATEWAYS = 'zen:limits:gateways';
const CONNECT_TIMEOUT_MS = 5000;
/** A server that answers nothing for so long is connected to anew: the address may lead to another one by then. */
const SILENCE_MS = 2000;
const MAX_RECONNECT_MS = 2000;
/** Leases renewed by one command. */
const RENEW_AT_ONCE = 500;

/** The limits of all gateways together, kept in Redis. One command for each `take`; commands are never repeated. */
export class RedisBook implements LimitBook {
  private readonly redis: Redis & Scripts;

  constructor(private readonly options: RedisBookOptions) {
    this.redis = new Redis(redisOptions(options)) as Redis & Scripts;
    this.redis.defineCommand('zenTake', { numberOfKeys: 2, lua: TAKE });
    this.redis.defineCommand('zenSettle', { numberOfKeys: 2, lua: SETTLE });
    this.redis.defineCommand('zenRenew', { numberOfKeys: 1, lua: RENEW });
    this.redis.defineCommand('zenPresent', { numberOfKeys: 1, lua: PRESENT });
    this.redis.on('error', (error: Error) => options.onFailure(error.message));
    this.redis.on('ready', () => options.onReady());
  }

  async take(take: Take): Promise<Verdict> {
    const { requestsPerMinute, tokensPerMinute, streams } = take.limits;
    const owed = take.owed ?? { requests: 0, tokens: 0 };
    const [denied, waitMs, requests, tokens] = await this.redis.zenTake(
      ...keysOf(take.key),
      requestsPerMinute ?? 0,
      tokensPerMinute ?? 0,
      streams ?? 0,
      take.tokens,
      take.lease,
      this.options.leaseMs,
      owed.requests,
      owed.tokens,
    );
    return {
      denied: denied === '' ? null : { what: denied as 'requests', waitMs: waitMs || STREAM_WAIT_MS },
      requests: budgetOf(requests, requestsPerMinute),
      tokens: budgetOf(tokens, tokensPerMinute),
    };
  }

  async settle({ key, lease, limits }: Take, moreTokens: number): Promise<void> {
    await this.redis.zenSettle(...keysOf(key), lease, moreTokens, limits.tokensPerMinute ?? 0);
  }

  /** Keeps this gateway and its places counted; returns how many gateways there are. */
  async renew(leases: Iterable<[key: string, leases: ReadonlySet<string>]>): Promise<number> {
    const { leaseMs, name } = this.options;
    const renewals: Promise<unknown>[] = [];
    for (const [key, names] of leases) {
      const all = [...names];
      for (let at = 0; at < all.length; at += RENEW_AT_ONCE) {
        renewals.push(this.redis.zenRenew(keysOf(key)[1], leaseMs, ...all.slice(at, at + RENEW_AT_ONCE)));
      }
    }
    const [gateways] = await Promise.all([this.redis.zenPresent(GATEWAYS, name, leaseMs), ...renewals]);
    return gateways;
  }

  /** Takes this gateway off the list and closes the connection. */
  async close(): Promise<void> {
    // Where Redis is gone the entry ends by itself.
    await this.redis.zrem(GATEWAYS, this.options.name).catch(() => undefined);
    this.redis.disconnect();
  }
}

function redisOptions({ url, password, ca, deadlineMs }: RedisBookOptions): RedisOptions {
  const { protocol, hostname, port, username, pathname } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === undefined ? {} : { password }),
    ...(protocol === 'rediss:' ? { tls: { servername: hostname, ...(ca === undefined ? {} : { ca }) } } : {}),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: deadlineMs,
    socketTimeout: Math.max(SILENCE_MS, 2 * deadlineMs),
    // Whoever asks falls back at once instead of waiting for a connection, and nothing is counted twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (tries) => Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(tries, 10)),
    // After a failover the address leads to the new primary.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** Both keys of one API key in one slot of a cluster. Keys and tenants are not to be read in Redis, nor guessed. */
function keysOf(key: string): [budgets: string, leases: string] {
  const hash = createHash('sha256').update(`zen limits ${key}`).digest('base64url').slice(0, 22);
  return [`zen:limits:{${hash}}:budgets`, `zen:limits:{${hash}}:leases`];
}

function budgetOf(text: string, perMinute: number | null): Budget | null {
  if (perMinute === null) return null;
  const level = Number(text);
  return { level, resetMs: Math.max(0, Math.ceil(((perMinute - level) / perMinute) * 60_000)) };
}
