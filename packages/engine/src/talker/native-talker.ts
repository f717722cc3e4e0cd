/** The talker part of the native surface, with the same names in the same order as `native/addon/talker_addon.cc`. */
export interface NativeTalkers {
  openTalker(configJson: string, files: string[], options: TalkerOptions): Promise<NativeTalker>;
}

/** No optional property crosses; `null` means none. */
export interface NativeTalker {
  shape(): TalkerShape;
  openSpeech(voice: TalkerVoice): number;
  prefill(speech: number, rows: PromptRows): Promise<void>;
  begin(speech: number, tokens: Int32Array): Promise<void>;
  speak(speech: number, text: number | 'end' | 'pad'): Promise<SpeechFrame | null>;
  closeSpeech(speech: number): Promise<void>;
  close(): void;
}

export interface TalkerOptions {
  /** Threads that run kernels, 1 to 256. They sleep while idle. */
  threads: number;
  /** Of one speech: its prompt, 9 rows, and a row a frame; at most the model's own. */
  contextTokens: number;
  /** Open at once, 1 to 4,096. */
  speeches: number;
}

export interface TalkerShape {
  /** Ids that the thinker has. */
  textVocab: number;
  /** Numbers of one of its hidden states. */
  thinkerHidden: number;
  /** Codes of a frame, and how many each may be. */
  groups: number;
  codes: number;
  /** Samples of a speech's first frame, and of each later one (80 ms). */
  firstSamples: number;
  frameSamples: number;
  contextTokens: number;
}

export interface TalkerVoice {
  /** As the model's config names it. */
  speaker: string;
  /** 0 to 100; 0 takes the most likely codes. */
  temperature: number;
  /** 0: all. */
  topK: number;
  /** Above 0, at most 1. */
  topP: number;
  /** 0.01 to 100, over a frame's first code. */
  repetitionPenalty: number;
  /** 0 to 2^64 − 1. */
  seed: bigint;
}

export interface PromptRows {
  /** The thinker's ids; what stands at `hiddenAt` is not read. */
  tokens: Int32Array;
  /** [hiddenAt][thinkerHidden]: the thinker's hidden states of sound and pictures. */
  hidden: Float32Array;
  /** Ascending places of `tokens`. */
  hiddenAt: Int32Array;
  /** [tokens][time, height, width], each below 2^24; null: each after the one before, right for all but pictures. */
  positions: Int32Array | null;
}

export interface SpeechFrame {
  /** [groups] */
  codes: Int32Array;
  /** Mono at 24 kHz, −1 to 1. */
  samples: Float32Array;
  /** Of the first of them in the speech. */
  position: number;
}
