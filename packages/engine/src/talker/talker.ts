import { MAX_INT, refuse, whole } from '../checks';
import { guard, guardAsync } from '../guard';
import { loadAddon } from '../load-engine';
import type {
  NativeTalker,
  NativeTalkers,
  PromptRows,
  SpeechFrame,
  TalkerOptions,
  TalkerShape,
  TalkerVoice,
} from './native-talker';

/** Samples per second that a talker makes. */
export const TALKER_SAMPLE_RATE = 24_000;

const MAX_FILES = 256;

/** The Qwen3-Omni talker, code predictor and code2wav: ids of an answer to sound. Errors are EngineErrors. */
export class Talker {
  readonly shape: TalkerShape;

  private constructor(private readonly native: NativeTalker) {
    this.shape = guard(() => native.shape());
  }

  /**
   * Maps weights as the reference saves them, off the event loop: `configJson` is the model's config.json, `files` are
   * safetensors (F32, F16, BF16) that hold `talker.*`, `code2wav.*` and `thinker.model.embed_tokens.weight`.
   */
  static async open(configJson: string, files: string[], options: TalkerOptions): Promise<Talker> {
    whole('threads', options.threads, 1, 256);
    whole('contextTokens', options.contextTokens, 1, MAX_INT);
    whole('speeches', options.speeches, 1, 4096);
    if (files.length < 1 || files.length > MAX_FILES) refuse('files', `must be 1 to ${MAX_FILES}`);
    const addon = loadAddon<NativeTalkers>();
    return new Talker(await guardAsync(() => addon.openTalker(configJson, files, options)));
  }

  /** Calls of one speech wait for each other, and so do frames of several: the threads work on one at a time. */
  openSpeech(voice: TalkerVoice): TalkerSpeech {
    if (voice.seed < 0n || voice.seed >= 2n ** 64n) refuse('seed', 'must be from 0 to 2^64 − 1');
    whole('topK', voice.topK, 0, 2 ** 30);
    return new TalkerSpeech(
      this.native,
      guard(() => this.native.openSpeech(voice)),
    );
  }

  /** Frees the weights once no call is running. */
  close(): void {
    this.native.close();
  }
}

/** One utterance. What it says depends on voice, prompt and ids alone, bit for bit. */
export class TalkerSpeech {
  constructor(
    private readonly native: NativeTalker,
    private readonly handle: number,
  ) {}

  /** Rows of the prompt in any pieces, in order; before `begin`. */
  prefill(rows: PromptRows): Promise<void> {
    return guardAsync(() => this.native.prefill(this.handle, rows));
  }

  /** The three ids that begin the answer: the mark, the role, the line break. */
  begin(tokens: Int32Array): Promise<void> {
    return guardAsync(() => this.native.begin(this.handle, tokens));
  }

  /** The next frame with the answer's next id, `end` once after its last one, then `pad`; null where the talker ends. */
  speak(text: number | 'end' | 'pad'): Promise<SpeechFrame | null> {
    if (typeof text === 'number') whole('text', text, 0, MAX_INT);
    return guardAsync(() => this.native.speak(this.handle, text));
  }

  close(): Promise<void> {
    return guardAsync(() => this.native.closeSpeech(this.handle));
  }
}
