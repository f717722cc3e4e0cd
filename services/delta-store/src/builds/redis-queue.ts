import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { StoreError } from '../store-error';
import { type BuildJob, type BuildQueue, HopelessBuild, type QueueOptions } from './build-queue';

export interface RedisPlace {
  url: string;
  password: string | undefined;
  /** PEM file, or the authorities that the system knows. */
  ca: string | undefined;
}

const NAME = 'zen-delta-builds';

/**
 * Builds over all delta-stores of one Redis, by BullMQ: one at a time in each process; that of a process that died is
 * run by another once its lock is over.
 */
export class RedisQueue implements BuildQueue {
  private readonly queue: Queue<BuildJob>;
  private readonly worker: Worker<BuildJob>;
  private readonly connections: Redis[];
  private readonly stopping = new AbortController();

  constructor(
    place: RedisPlace,
    private readonly options: QueueOptions,
    lockMs = 30_000,
  ) {
    // Whoever asks for a build hears soon that there is no Redis; a worker waits for it to come back.
    const asking = connect(place, { maxRetriesPerRequest: 3 });
    const working = connect(place, { maxRetriesPerRequest: null });
    this.connections = [asking, working];
    this.queue = new Queue(NAME, { connection: asking, skipWaitingForReady: true });
    this.worker = new Worker(NAME, (job) => this.run(job), {
      connection: working,
      concurrency: 1,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      // How often a build may lose its process before it counts as its fault.
      maxStalledCount: 3,
    });
    this.worker.on('failed', (job, error) => {
      options.onError(error);
      // Also where it lost its process too often.
      if (job && (job.finishedOn !== undefined || job.attemptsMade >= options.attempts)) {
        void options.failed(job.data, error).catch(options.onError);
      }
    });
    for (const source of [this.queue, this.worker, ...this.connections]) {
      (source as NodeJS.EventEmitter).on('error', options.onError);
    }
  }

  async add(job: BuildJob): Promise<void> {
    const { attempts, backoffMs } = this.options;
    try {
      await this.queue.add('build', job, {
        jobId: createHash('sha256').update(`${job.tenant} ${job.id}`).digest('hex'),
        attempts,
        backoff: { type: 'exponential', delay: backoffMs },
        // The build's own record says what became of it; a job that stayed would keep it from being run again.
        removeOnComplete: true,
        removeOnFail: true,
      });
    } catch (cause) {
      throw new StoreError('unavailable', 'the queue of builds does not answer', { cause });
    }
  }

  async close(): Promise<void> {
    this.stopping.abort(new Error('the service stops'));
    await this.worker.close();
    await this.queue.close();
    for (const connection of this.connections) connection.disconnect();
  }

  private async run(job: Job<BuildJob>): Promise<void> {
    try {
      await this.options.run(job.data, job.attemptsMade + 1, this.stopping.signal);
    } catch (error) {
      if (error instanceof HopelessBuild) throw new UnrecoverableError(error.message);
      throw error;
    }
  }
}

function connect({ url, password, ca }: RedisPlace, options: RedisOptions): Redis {
  return new Redis(url, {
    ...options,
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { tls: { ca: readFileSync(ca) } }),
  });
}
