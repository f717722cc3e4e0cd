import { EngineError, TALKER_SAMPLE_RATE, Talker } from '@zen/engine';
import { type SpeechEngine, SpeechError, type SpeechOptions, type SpeechSession } from '@zen/speech';
import { type OmniCheckpoint, readOmniCheckpoint } from './omni-checkpoint';
import { OmniPrompt } from './omni-prompt';
import { OmniSession } from './omni-session';

export interface OpenOmniOptions {
  /** Holds config.json and the safetensors. */
  folder: string;
  /** That compute, 1 to 256, shared by all sessions. */
  threads: number;
  /** Sessions that speak at once, 1 to 4,096. */
  sessions: number;
  /** 0 always takes the most likely codes; by default drawn as the model's authors do. */
  temperature?: number;
}

/** Of one session, some eleven minutes of sound: keys and values take 40 KB each in the released model. */
const MOST_ROWS = 8192;
/** Rows that begin an answer. */
const BEGIN_ROWS = 8;
const DRAWN = { temperature: 0.9, topK: 50, topP: 1, repetitionPenalty: 1.05 };

/**
 * Opens the talker of a Qwen3-Omni model: voices whose input is the thinker's ids.
 *
 * @throws SpeechError `bad-model`
 */
export async function openOmni(options: OpenOmniOptions): Promise<SpeechEngine> {
  const { folder, threads, sessions, temperature = DRAWN.temperature } = options;
  const checkpoint = readOmniCheckpoint(folder);
  try {
    const talker = await Talker.open(checkpoint.configJson, checkpoint.files, {
      threads,
      contextTokens: Math.min(MOST_ROWS, checkpoint.contextTokens),
      speeches: sessions,
    });
    return new OmniVoices(talker, checkpoint, temperature);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new SpeechError('bad-model', `${folder}: ${error.message}`, { cause: error });
  }
}

class OmniVoices implements SpeechEngine {
  readonly voices;

  constructor(
    private readonly talker: Talker,
    private readonly checkpoint: OmniCheckpoint,
    private readonly temperature: number,
  ) {
    this.voices = checkpoint.speakers.map((name) => ({
      name,
      language: 'mul',
      sampleRate: TALKER_SAMPLE_RATE,
      takesTokenIds: true,
    }));
  }

  open({ voice, speed, seed, prompt }: SpeechOptions): SpeechSession {
    if (!this.voices.some(({ name }) => name === voice)) {
      const known = this.voices.map(({ name }) => name).join(', ');
      throw new SpeechError('unknown-voice', `voice: ${voice} is not here (here: ${known})`);
    }
    if (speed !== 1)
      throw new SpeechError('bad-option', `speed: ${voice} speaks at 1 only, ${speed} was asked`);
    if (!prompt) throw new SpeechError('bad-option', `prompt: ${voice} needs the thinker's prompt`);
    const { thinkerHidden, textVocab, contextTokens } = this.talker.shape;
    const session = new OmniSession({
      prompt: new OmniPrompt(this.checkpoint.turns, thinkerHidden, textVocab),
      openSpeech: () =>
        this.talker.openSpeech({
          ...DRAWN,
          temperature: this.temperature,
          speaker: voice,
          seed: BigInt.asUintN(64, seed),
        }),
      width: thinkerHidden,
      textVocab,
      rows: contextTokens - BEGIN_ROWS,
      nowUs: () => performance.now() * 1000,
    });
    session.pushPrompt(prompt);
    return session;
  }

  async close(): Promise<void> {
    this.talker.close();
  }
}
