import type { SpeechFailure, VoiceQuality } from '@zen/speech';

/** What a worker is started with. */
export interface WorkerStart {
  home: string;
  voices: readonly string[];
}

/** A clause to say; a worker says one at a time. */
export interface SayRequest {
  voice: string;
  text: string;
  isCode: boolean;
  speed: number;
  quality: VoiceQuality;
  seed: bigint;
  /** One int32 that is not 0 once nobody wants the rest. */
  stop: SharedArrayBuffer;
}

export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'part'; samples: Float32Array; computeUs: number; isLast: boolean; share: number }
  /** Also after a stop. */
  | { type: 'done' }
  | { type: 'failed'; failure: SpeechFailure; message: string };
