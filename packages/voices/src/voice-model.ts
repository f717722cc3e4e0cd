import type { VoiceQuality } from '@zen/speech';

export interface Utterance {
  /** In the alphabet of the English tables, at most MAX_PHONEMES. */
  phonemes: string;
  /** 0.25 to 4. */
  speed: number;
  quality: VoiceQuality;
  seed: bigint;
  /** Told, before the first of them, how many samples come. */
  expects?: (samples: number) => void;
}

/** Longest stretch that a voice says in one go, in phonemes; longer ones are cut before. */
export const MAX_PHONEMES = 400;

/** A voice on a worker: it computes on the thread that asks. */
export interface VoiceModel {
  /** Hertz. */
  readonly sampleRate: number;
  /** Sound from -1 to 1, a stretch at a time; the work is done as it is asked for. */
  say(utterance: Utterance): AsyncGenerator<Float32Array>;
}
