import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type LimitBook, LocalBook } from '@zen/admission';
import type { Logger } from '@zen/telemetry';
import type { GatewayConfig } from '../config';
import type { GatewayMetrics } from '../observe/gateway-metrics';
import { RedisBook } from './redis-book';
import { SharedBook } from './shared-book';

/** Renewals in the life of a lease: two may fail. */
const BEATS = 3;

export interface Limits {
  book: LimitBook;
  close(): Promise<void>;
}

type LimitsConfig = Pick<GatewayConfig, 'redis' | 'redisPassword' | 'redisCa' | 'redisTimeoutMs' | 'leaseMs'>;

/** The limits of this process alone, or with a Redis those of all gateways that share it. Never waits for Redis. */
export async function openLimits(
  config: LimitsConfig,
  metrics: GatewayMetrics,
  logger: Logger,
  now: () => number,
): Promise<Limits> {
  const { redis: url, redisPassword: password, redisCa, redisTimeoutMs: deadlineMs, leaseMs } = config;
  if (url === undefined) return { book: new LocalBook(now), close: async () => undefined };
  const ca = redisCa === undefined ? undefined : await readFile(redisCa, 'utf8');
  let told = '';
  const common = new RedisBook({
    url,
    password,
    ca,
    deadlineMs,
    leaseMs,
    name: randomUUID(),
    // Every attempt to connect fails in the same way: it is told once.
    onFailure: (reason) => {
      if (reason !== told) logger.warn({ reason }, 'Redis cannot be reached');
      told = reason;
    },
    onReady: () => {
      told = '';
      void book.beat();
    },
  });
  const book: SharedBook = new SharedBook({
    common,
    now,
    onChange: (shared, reason) => {
      metrics.limitsShared(shared);
      if (shared) logger.info('limits are shared');
      else logger.warn({ reason }, 'limits are not shared, this gateway keeps its part of them');
    },
    onGateways: (count) => metrics.limitsAmong(count),
    onAlone: () => metrics.limitedAlone(),
    onShared: (tookMs) => metrics.limitedTogether(tookMs),
  });
  const timer = setInterval(() => void book.beat(), leaseMs / BEATS);
  timer.unref();
  const close = async () => {
    clearInterval(timer);
    await common.close();
  };
  return { book, close };
}
