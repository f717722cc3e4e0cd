/** Which build; nothing of its content, which stays in the storage, encrypted. */
export interface BuildJob {
  tenant: string;
  id: string;
}

/** A failure that another try cannot heal. */
export class HopelessBuild extends Error {
  override readonly name = 'HopelessBuild';
}

/**
 * Runs a build, for the `attempt`th time from 1. Throws HopelessBuild where another try makes no sense, the signal's
 * reason where it is told to stop, and anything else for another try.
 */
export type RunBuild = (job: BuildJob, attempt: number, signal: AbortSignal) => Promise<void>;

/**
 * Brings builds to workers, each at least once, also where workers die. What state a build is in is written elsewhere:
 * a queue that was lost is filled again from there.
 */
export interface BuildQueue {
  /** Nothing happens where the job waits or runs already. */
  add(job: BuildJob): Promise<void>;
  /** Takes no new jobs, stops those that run, which another worker or start does again, and waits for that. */
  close(): Promise<void>;
}

export interface QueueOptions {
  run: RunBuild;
  /** The last try has failed. */
  failed(job: BuildJob, error: unknown): Promise<void>;
  onError(error: unknown): void;
  attempts: number;
  /** Before the second try, milliseconds; doubles each time. */
  backoffMs: number;
}
