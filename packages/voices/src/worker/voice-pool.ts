import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SpeechError, type SpokenPart } from '@zen/speech';
import type { SayRequest, WorkerMessage, WorkerStart } from './messages';
import { Queue } from './queue';

/** Also where the sources run: a thread loads JavaScript only. */
const WORKER = join(__dirname, '..', '..', 'dist', 'worker', 'voice-worker.js');

interface Job {
  request: SayRequest;
  dueMs: number;
  parts: Queue<SpokenPart>;
}

type Thread =
  | { state: 'starting' | 'idle'; worker: Worker }
  | { state: 'busy'; worker: Worker; job: Job }
  /** It could not start, or broke down and is not started again. */
  | { state: 'gone' };

/**
 * Some threads, each with all voices, that say one clause at a time. Of those who wait the one comes first whose listener
 * will hear silence first. A thread that breaks down takes its clause with it and is replaced.
 */
export class VoicePool {
  private readonly threads: Thread[] = [];
  private readonly waiting: Job[] = [];
  private closed = false;

  private constructor(
    private readonly start: WorkerStart,
    private readonly maxWaiting: number,
  ) {}

  /** @throws SpeechError `bad-model` */
  static async open(start: WorkerStart, threads: number, maxWaiting: number): Promise<VoicePool> {
    const pool = new VoicePool(start, maxWaiting);
    try {
      await Promise.all(Array.from({ length: threads }, (_, at) => pool.startThread(at)));
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /**
   * The clause's sound; when the reader leaves or the signal fires, the thread stops within a part. `dueMs`: when its
   * listener needs it, by any clock that all callers share.
   */
  async *say(
    request: Omit<SayRequest, 'stop'>,
    dueMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<SpokenPart> {
    if (this.closed) throw new SpeechError('closed', 'voices: closed');
    if (this.waiting.length >= this.maxWaiting) {
      throw new SpeechError(
        'busy',
        `voices: ${this.waiting.length} clauses are waiting, limit ${this.maxWaiting}`,
      );
    }
    const stop = new SharedArrayBuffer(4);
    const job: Job = { request: { ...request, stop }, dueMs, parts: new Queue() };
    const cancel = () => {
      job.parts.fail(new SpeechError('cancelled', 'speaking: cancelled', { cause: signal.reason }));
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (signal.aborted) cancel();
      const after = this.waiting.findIndex((one) => one.dueMs > dueMs);
      this.waiting.splice(after < 0 ? this.waiting.length : after, 0, job);
      this.next();
      yield* job.parts.items();
    } finally {
      signal.removeEventListener('abort', cancel);
      Atomics.store(new Int32Array(stop), 0, 1);
      const at = this.waiting.indexOf(job);
      if (at >= 0) this.waiting.splice(at, 1);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const error = new SpeechError('closed', 'voices: closed');
    for (const job of this.waiting.splice(0)) job.parts.fail(error);
    for (const [at, thread] of this.threads.entries()) {
      if (thread.state === 'gone') continue;
      if (thread.state === 'busy') thread.job.parts.fail(error);
      this.threads[at] = { state: 'gone' };
      await thread.worker.terminate();
    }
  }

  private startThread(at: number): Promise<void> {
    const worker = new Worker(WORKER, { workerData: this.start });
    this.threads[at] = { state: 'starting', worker };
    return new Promise((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') {
          this.threads[at] = { state: 'idle', worker };
          this.next();
          resolve();
        } else if (message.type === 'failed' && this.threads[at]?.state !== 'busy') {
          reject(new SpeechError(message.failure, message.message));
        } else this.received(at, message);
      });
      worker.on('error', (cause) => reject(this.broke(at, worker, cause)));
      worker.on('exit', (code) => reject(this.broke(at, worker, new Error(`the thread ended with ${code}`))));
    });
  }

  private received(at: number, message: WorkerMessage): void {
    const thread = this.threads[at];
    if (thread?.state !== 'busy') return;
    const { worker, job } = thread;
    if (message.type === 'part') {
      const { samples, computeUs, isLast, share } = message;
      job.parts.push({ samples, computeUs, isLast, share });
      return;
    }
    if (message.type === 'failed') job.parts.fail(new SpeechError(message.failure, message.message));
    else job.parts.end();
    this.threads[at] = { state: 'idle', worker };
    this.next();
  }

  /** A thread that had started is replaced; one that never did is not. */
  private broke(at: number, worker: Worker, cause: Error): SpeechError {
    const error = new SpeechError('broken', `voices: ${cause.message}`, { cause });
    const thread = this.threads[at];
    if (this.closed || !thread || thread.state === 'gone' || thread.worker !== worker) return error;
    if (thread.state === 'busy') thread.job.parts.fail(error);
    this.threads[at] = { state: 'gone' };
    if (thread.state !== 'starting') this.startThread(at).catch(() => this.failWaiting(error));
    return error;
  }

  /** Where no thread is left, nobody waits in vain. */
  private failWaiting(error: SpeechError): void {
    if (this.threads.some(({ state }) => state !== 'gone')) return;
    this.closed = true;
    for (const job of this.waiting.splice(0)) job.parts.fail(error);
  }

  private next(): void {
    for (const [at, thread] of this.threads.entries()) {
      if (thread.state !== 'idle') continue;
      const job = this.waiting.shift();
      if (!job) return;
      this.threads[at] = { state: 'busy', worker: thread.worker, job };
      thread.worker.postMessage(job.request);
    }
  }
}
