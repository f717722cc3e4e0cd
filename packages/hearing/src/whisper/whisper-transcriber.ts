import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HearingError } from '../hearing-error';
import { type Transcriber, URGENCIES, type Urgency } from '../transcriber';
import { WHISPER } from './fetch-whisper';
import type { WindowRequest, WindowTranscript } from './transcript';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages';

/** The built file, also for tests that run the sources: a thread cannot be started from TypeScript. */
const WORKER = join(__dirname, '../../dist/whisper/whisper-worker.js');
/** Work that waits at most; every listening call has but a few pieces. */
const MAX_WAITING = 4_096;

interface Job {
  id: number;
  request: WindowRequest;
  urgency: Urgency;
  resolve(transcript: WindowTranscript): void;
  reject(error: unknown): void;
}

/**
 * Whisper in a thread of its own, shared by all who listen: one window at a time, finals first. A partial gives way as
 * soon as anybody else has work.
 */
export class WhisperTranscriber implements Transcriber {
  readonly name = WHISPER;
  languages: ReadonlySet<string> = new Set();
  private readonly waiting: Job[] = [];
  private running: Job | null = null;
  private ids = 0;
  private ended: HearingError | null = null;

  private constructor(private readonly worker: Worker) {}

  /** @param threads that compute; @throws HearingError `bad-model` */
  static async open(folder: string, threads: number): Promise<WhisperTranscriber> {
    const worker = new Worker(WORKER, { workerData: { folder, threads } satisfies WorkerStart });
    const transcriber = new WhisperTranscriber(worker);
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind !== 'ready') return transcriber.answered(message);
        transcriber.languages = new Set(message.languages);
        resolve();
      });
      worker.on('error', (cause) => {
        const error = new HearingError(
          'broken',
          `whisper: ${cause instanceof Error ? cause.message : cause}`,
          {
            cause,
          },
        );
        transcriber.end(error);
        reject(new HearingError('bad-model', `${folder}: ${error.message}`, { cause }));
      });
      worker.on('exit', () => transcriber.end(new HearingError('closed', 'whisper: its thread has ended')));
    });
    return transcriber;
  }

  transcribe(request: WindowRequest, urgency: Urgency, signal: AbortSignal): Promise<WindowTranscript> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      if (signal.aborted) return reject(cancelled());
      if (urgency === 'partial' && this.running) return reject(busy());
      if (this.waiting.length >= MAX_WAITING) return reject(busy());
      const abort = () => this.cancel(job, cancelled());
      const over = () => signal.removeEventListener('abort', abort);
      this.ids += 1;
      const job: Job = {
        id: this.ids,
        request,
        urgency,
        resolve: (transcript) => {
          over();
          resolve(transcript);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.waiting.push(job);
      if (this.running?.urgency === 'partial') this.cancel(this.running, busy());
      this.next();
    });
  }

  async close(): Promise<void> {
    this.end(new HearingError('closed', 'whisper: closed'));
    await this.worker.terminate();
  }

  private next(): void {
    if (this.running || this.ended) return;
    for (const urgency of URGENCIES) {
      const at = this.waiting.findIndex((job) => job.urgency === urgency);
      if (at < 0) continue;
      const [job] = this.waiting.splice(at, 1);
      this.running = job!;
      this.post({ kind: 'transcribe', id: job!.id, request: job!.request });
      return;
    }
  }

  /** Its promise is over at once; the thread is free as soon as the step that it computes is. */
  private cancel(job: Job, error: HearingError): void {
    job.reject(error);
    const at = this.waiting.indexOf(job);
    if (at >= 0) this.waiting.splice(at, 1);
    else if (this.running === job) this.post({ kind: 'cancel', id: job.id });
  }

  private answered(message: Exclude<FromWorker, { kind: 'ready' }>): void {
    const job = this.running;
    if (job?.id !== message.id) return;
    this.running = null;
    if (message.kind === 'done') job.resolve(message.transcript);
    else job.reject(new HearingError(message.failure, message.message));
    this.next();
  }

  private end(error: HearingError): void {
    this.ended ??= error;
    for (const job of [...this.waiting.splice(0), ...(this.running ? [this.running] : [])])
      job.reject(this.ended);
    this.running = null;
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}

function busy(): HearingError {
  return new HearingError('busy', 'transcription: others went first');
}

function cancelled(): HearingError {
  return new HearingError('cancelled', 'transcription: cancelled');
}
