import {
  type Clause,
  type SpeechEngine,
  SpeechError,
  type SpeechOptions,
  type SpeechSession,
  TextSession,
  type VoiceInfo,
} from '@zen/speech';
import { clauseSeed } from './normal-noise';
import { Playback } from './playback';
import { VOICES } from './voice-catalog';
import { VoicePool } from './worker/voice-pool';

export interface OpenVoicesOptions {
  /** Folder of the cache; `fetchVoice` has brought the voices there. */
  home: string;
  /** Names of the catalog, by default all. */
  voices?: readonly string[];
  /** Clauses that are made at the same time, each on a thread of its own with all voices in memory; 1 to 64, by default 1. */
  threads?: number;
  /** Most clauses that wait for a thread, by default 256. */
  maxWaiting?: number;
}

/**
 * Opens the packaged voices. Text becomes sound on threads of their own, so the caller's thread stays free.
 *
 * @throws SpeechError `unknown-voice`, `bad-option`, `bad-model`
 */
export async function openVoices(options: OpenVoicesOptions): Promise<SpeechEngine> {
  const { home, voices = VOICES.map(({ name }) => name), threads = 1, maxWaiting = 256 } = options;
  const unknown = voices.find((name) => !VOICES.some((voice) => voice.name === name));
  if (unknown !== undefined) throw new SpeechError('unknown-voice', `voice: ${unknown} is not known`);
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw new SpeechError('bad-option', `threads: ${threads} must be a whole number from 1 to 64`);
  }
  return new Voices(
    VOICES.filter(({ name }) => voices.includes(name)).map(({ name, language, sampleRate }) => ({
      name,
      language,
      sampleRate,
      takesTokenIds: false,
    })),
    await VoicePool.open({ home, voices }, threads, maxWaiting),
  );
}

class Voices implements SpeechEngine {
  constructor(
    readonly voices: readonly VoiceInfo[],
    private readonly pool: VoicePool,
  ) {}

  open(options: SpeechOptions): SpeechSession {
    const { voice, speed, quality, seed } = options;
    const known = this.voices.find(({ name }) => name === voice);
    if (!known) {
      const names = this.voices.map(({ name }) => name).join(', ');
      throw new SpeechError('unknown-voice', `voice: ${voice} is not here (here: ${names})`);
    }
    if (!(speed >= 0.25 && speed <= 4)) {
      throw new SpeechError('bad-option', `speed: ${speed} must be from 0.25 to 4`);
    }
    const base = BigInt.asUintN(64, seed);
    const playback = new Playback(known.sampleRate);
    return new TextSession((clause: Clause, signal) => {
      const { index, text, isCode } = clause;
      const request = { voice, speed, quality, seed: clauseSeed(base, index), text, isCode };
      return playback.follow(this.pool.say(request, playback.dueMs(performance.now()), signal));
    });
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
