import type { Band } from '@zen/admission';
import { Priority, type SpeakStart, VoiceQuality } from '@zen/contracts';
import type { SpeechOptions, VoiceInfo } from '@zen/speech';
import { invalid } from '../talker-error';
import { checkNames } from './check-names';
import { PromptReader } from './prompt-reader';

const MIN_SPEED = 0.25;
const MAX_SPEED = 4;
const MAX_SEED = 2n ** 64n - 1n;

const BANDS: Record<Priority, Band | undefined> = {
  [Priority.PRIORITY_UNSPECIFIED]: 'normal',
  [Priority.PRIORITY_BATCH]: 'batch',
  [Priority.PRIORITY_NORMAL]: 'normal',
  [Priority.PRIORITY_INTERACTIVE]: 'interactive',
  [Priority.UNRECOGNIZED]: undefined,
};

const QUALITIES: Record<VoiceQuality, SpeechOptions['quality'] | undefined> = {
  [VoiceQuality.VOICE_QUALITY_UNSPECIFIED]: 'full',
  [VoiceQuality.VOICE_QUALITY_FULL]: 'full',
  [VoiceQuality.VOICE_QUALITY_REDUCED]: 'reduced',
  [VoiceQuality.UNRECOGNIZED]: undefined,
};

export interface ReadStart {
  requestId: string;
  tenant: string;
  band: Band;
  options: SpeechOptions;
  /** Reads what of the prompt comes later. */
  prompts: PromptReader;
}

/** The name of a voice as a request may have it; empty stands for the default. */
export function readVoice(voice: string): string {
  if (!/^[a-z0-9-]{0,64}$/.test(voice)) {
    throw invalid('voice', 'must be at most 64 of lower-case letters, digits and "-"');
  }
  return voice;
}

/** Checks all of a call's first message but its voice's name, which is `voice`'s. */
export function readStart(start: SpeakStart, voice: VoiceInfo, drawSeed: () => bigint): ReadStart {
  checkNames(start);
  const speed = start.speed === 0 ? 1 : start.speed;
  // Said this way round so that NaN is none, either.
  if (!(speed >= MIN_SPEED && speed <= MAX_SPEED)) {
    throw invalid('speed', `${start.speed} is not within ${MIN_SPEED} to ${MAX_SPEED}`);
  }
  const band = BANDS[start.priority];
  if (!band) throw invalid('priority', 'not a known priority');
  const quality = QUALITIES[start.quality];
  if (!quality) throw invalid('quality', 'not a known quality');
  const { seed = drawSeed() } = start;
  if (seed < 0n || seed > MAX_SEED) throw invalid('seed', `must be 0 to ${MAX_SEED}`);
  const options: SpeechOptions = { voice: voice.name, speed, quality, seed };
  const prompts = new PromptReader(voice);
  if (start.prompt) options.prompt = prompts.read(start.prompt);
  return { requestId: start.requestId, tenant: start.tenant, band, options, prompts };
}
