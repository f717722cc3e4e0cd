import type { Logger } from '@zen/telemetry';
import type { DeltaStoreConfig } from '../config';
import type { DeltaService } from '../delta-service';
import { Registers } from '../storage/registers';
import type { QueueOptions } from './build-queue';
import { BuildRecords } from './build-record';
import { BuildWorker } from './build-worker';
import { Builds } from './builds';
import { LocalQueue } from './local-queue';
import { RedisQueue } from './redis-queue';

export interface OpenedBuilds {
  builds: Builds;
  records: BuildRecords;
  close(): Promise<void>;
}

/** Generations of a build's record that stay; progress makes many. */
const GENERATIONS = 8;
const ATTEMPTS = 3;
const BACKOFF_MS = 2000;

/** Builds and their worker in this process; null where no base is named. */
export function openBuilds(
  service: DeltaService,
  config: DeltaStoreConfig,
  logger: Logger,
): OpenedBuilds | null {
  const bases = new Map(config.bases ?? []);
  if (bases.size === 0) return null;
  const records = new BuildRecords(new Registers(service.objects, GENERATIONS));
  const worker = new BuildWorker({ ...service, records, bases });
  const options: QueueOptions = {
    run: (job, attempt, signal) => worker.run(job, attempt, signal),
    failed: (job, error) => worker.failed(job, error),
    onError: (err) => logger.error({ err }, 'build failed'),
    attempts: ATTEMPTS,
    backoffMs: BACKOFF_MS,
  };
  const { redis: url, redisPassword: password, redisCa: ca } = config;
  const queue = url === undefined ? new LocalQueue(options) : new RedisQueue({ url, password, ca }, options);
  const builds = new Builds({ ...service, records, queue, bases, maxBytes: config.buildBytes });
  builds.recover().catch((err) => logger.error({ err }, 'builds that were interrupted are not taken up'));
  return { builds, records, close: () => queue.close() };
}
