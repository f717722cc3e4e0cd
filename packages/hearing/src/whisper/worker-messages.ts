import type { HearingFailure } from '../hearing-error';
import type { WindowRequest, WindowTranscript } from './transcript';

/** What the thread is started with. */
export interface WorkerStart {
  folder: string;
  threads: number;
}

export type ToWorker =
  | { kind: 'transcribe'; id: number; request: WindowRequest }
  | { kind: 'cancel'; id: number };

export type FromWorker =
  | { kind: 'ready'; languages: string[] }
  | { kind: 'done'; id: number; transcript: WindowTranscript }
  | { kind: 'failed'; id: number; failure: HearingFailure; message: string };
