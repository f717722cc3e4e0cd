/** What a voice is to a client. */
export interface VoiceInfo {
  /** How a request names it, `[a-z0-9-]{1,64}`. */
  name: string;
  /** BCP 47. */
  language: string;
  /** Hertz. */
  sampleRate: number;
  /** Its input is token ids of the thinker instead of text. */
  takesTokenIds: boolean;
}

export type VoiceQuality = 'full' | 'reduced';

export interface SpeechOptions {
  voice: string;
  /** 0.25 to 4; 1 is as trained. */
  speed: number;
  quality: VoiceQuality;
  /** Fixes what is random in a voice: the same input gives the same samples. */
  seed: bigint;
  /** Only for voices that take token ids. */
  prompt?: TalkerPrompt;
}

/** What stood before the answer, for voices that take token ids, or a piece of it. */
export interface TalkerPrompt {
  tokenIds: Uint32Array;
  /** hiddenPositions.length × the thinker's hidden size. */
  hiddenRows: Float32Array;
  /** Places in this piece's ids, ascending. */
  hiddenPositions: Uint32Array;
  /** [tokenIds][time, height, width]; null: each after the one before. */
  ropePositions: Uint32Array | null;
  /** Another piece follows. */
  more: boolean;
}

/** A stretch of the input and its audio. Stretches follow each other without a gap. */
export interface SpokenClause {
  /** [start, end) of the input: UTF-16 code units, or token ids. */
  textStart: number;
  textEnd: number;
  /** Mono, -1 to 1. An engine may give a clause in several parts; each part repeats the clause's start and end. */
  samples: Float32Array;
  /** Whether this is the clause's last part. */
  isLast: boolean;
  /** How much of the clause has been said with this part, 0 to 1, by estimate; absent where the voice has none. */
  share?: number;
  /** Work without waiting, microseconds. */
  computeUs: number;
}

/** One utterance while its text is being written. */
export interface SpeechSession {
  /** Text cut anywhere between characters, or ids; kept, never blocks. */
  push(input: string | Uint32Array): void;
  /** The next piece of a prompt whose last one said `more`; only of voices that take token ids. */
  pushPrompt?(piece: TalkerPrompt): void;
  /** Says what is there, whether or not its clause is whole. */
  flush(): void;
  /** No more input comes. */
  end(): void;
  /** The audio, made as it is asked for: nobody who does not read makes it work. Ends after `end()`; read once. */
  clauses(signal: AbortSignal): AsyncIterable<SpokenClause>;
}

/** The port behind which voices are: one engine may have several. */
export interface SpeechEngine {
  readonly voices: readonly VoiceInfo[];
  /** @throws SpeechError for a voice that it does not have or options out of range */
  open(options: SpeechOptions): SpeechSession;
  close(): Promise<void>;
}
