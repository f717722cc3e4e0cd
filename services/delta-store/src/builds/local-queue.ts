import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildJob, type BuildQueue, HopelessBuild, type QueueOptions } from './build-queue';

/** Builds in this process, one after the other, where there is no Redis. */
export class LocalQueue implements BuildQueue {
  private readonly jobs = new Map<string, BuildJob>();
  private readonly stopping = new AbortController();
  private working: Promise<void> | null = null;

  constructor(private readonly options: QueueOptions) {}

  async add(job: BuildJob): Promise<void> {
    this.jobs.set(`${job.tenant} ${job.id}`, job);
    this.working ??= this.work();
  }

  async close(): Promise<void> {
    this.stopping.abort(new Error('the service stops'));
    await this.working;
  }

  private async work(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const [next] = this.jobs;
      if (!next) {
        // At once: whoever adds the next job must not take this one for working.
        this.working = null;
        return;
      }
      const [key, job] = next;
      await this.tryAll(job).catch((error) => this.options.onError(error));
      this.jobs.delete(key);
    }
  }

  private async tryAll(job: BuildJob): Promise<void> {
    const { run, failed, attempts, backoffMs } = this.options;
    const { signal } = this.stopping;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await run(job, attempt, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HopelessBuild || attempt >= attempts) {
          await failed(job, error);
          return;
        }
        this.options.onError(error);
        await sleep(backoffMs * 2 ** (attempt - 1), undefined, { signal }).catch(() => {});
      }
    }
  }
}
