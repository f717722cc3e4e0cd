import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HearingError } from '../hearing-error';
import type { FromSilero, SileroStart, ToSilero } from './silero-messages';

/** The built file, also for tests that run the sources: a thread cannot be started from TypeScript. */
const WORKER = join(__dirname, '../../dist/turns/silero-worker.js');

interface Asked {
  resolve(probabilities: number[]): void;
  reject(error: HearingError): void;
}

/** Silero in a thread of its own, shared by all who listen. */
export class Silero {
  private readonly asked = new Map<number, Asked>();
  private ids = 0;
  private streams = 0;
  private ended: HearingError | null = null;

  private constructor(private readonly worker: Worker) {}

  /** @throws HearingError `bad-model` */
  static async open(path: string): Promise<Silero> {
    const worker = new Worker(WORKER, { workerData: { path } satisfies SileroStart });
    const silero = new Silero(worker);
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromSilero) => {
        if (message.kind === 'ready') resolve();
        else silero.answered(message);
      });
      worker.on('error', (cause) => {
        const what = cause instanceof Error ? cause.message : String(cause);
        silero.end(new HearingError('broken', `silero: ${what}`, { cause }));
        reject(new HearingError('bad-model', `${path}: ${what}`, { cause }));
      });
      worker.on('exit', () => silero.end(new HearingError('closed', 'silero: its thread has ended')));
    });
    return silero;
  }

  /** Follows one speaker's audio from its beginning. */
  stream(): SileroStream {
    this.streams += 1;
    const stream = this.streams;
    return {
      push: (samples) => this.hear(stream, samples),
      close: () => this.post({ kind: 'forget', stream }),
    };
  }

  async close(): Promise<void> {
    this.end(new HearingError('closed', 'silero: closed'));
    await this.worker.terminate();
  }

  private hear(stream: number, samples: Float32Array): Promise<number[]> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(this.ended);
      this.ids += 1;
      this.asked.set(this.ids, { resolve, reject });
      this.post({ kind: 'hear', id: this.ids, stream, samples });
    });
  }

  private answered(message: Exclude<FromSilero, { kind: 'ready' }>): void {
    const asked = this.asked.get(message.id);
    this.asked.delete(message.id);
    if (message.kind === 'heard') asked?.resolve(message.probabilities);
    else asked?.reject(new HearingError('broken', `silero: ${message.message}`));
  }

  private end(error: HearingError): void {
    this.ended ??= error;
    for (const asked of this.asked.values()) asked.reject(this.ended);
    this.asked.clear();
  }

  private post(message: ToSilero): void {
    this.worker.postMessage(message);
  }
}

/** How likely speech is in one speaker's audio, step after step. */
export interface SileroStream {
  /** @param samples a whole number of steps; one call after the other; @returns 0 to 1 for each step */
  push(samples: Float32Array): Promise<number[]>;
  /** Its state is forgotten. */
  close(): void;
}
