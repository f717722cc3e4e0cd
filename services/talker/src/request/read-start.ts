import type { Band } from '@zen/admission';
import { Priority, type SpeakStart, type TalkerPrompt, VoiceQuality } from '@zen/contracts';
import type { TalkerPrompt as Prompt, SpeechOptions, VoiceInfo } from '@zen/speech';
import { invalid } from '../talker-error';
import { checkNames } from './check-names';

const MIN_SPEED = 0.25;
const MAX_SPEED = 4;
const MAX_SEED = 2n ** 64n - 1n;
const MAX_PROMPT_TOKENS = 262_144;
/** Numbers of one hidden vector. */
const MAX_HIDDEN = 16_384;

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
  if (start.prompt && !voice.takesTokenIds) {
    throw invalid('prompt', `${voice.name} speaks text, a prompt is for voices that take token ids`);
  }
  const options: SpeechOptions = { voice: voice.name, speed, quality, seed };
  if (start.prompt) options.prompt = readPrompt(start.prompt);
  return { requestId: start.requestId, tenant: start.tenant, band, options };
}

function readPrompt({ tokenIds, hiddenRows, hiddenPositions }: TalkerPrompt): Prompt {
  if (tokenIds.length > MAX_PROMPT_TOKENS) {
    throw invalid('prompt.token_ids', `${tokenIds.length} ids, limit ${MAX_PROMPT_TOKENS}`);
  }
  let last = -1;
  for (const [index, position] of hiddenPositions.entries()) {
    if (position <= last || position >= tokenIds.length) {
      throw invalid(
        `prompt.hidden_positions[${index}]`,
        `${position} must be above the one before it and below ${tokenIds.length}`,
      );
    }
    last = position;
  }
  const width = hiddenPositions.length === 0 ? 0 : hiddenRows.length / (4 * hiddenPositions.length);
  const whole = Number.isInteger(width) && width <= MAX_HIDDEN;
  if (
    !whole ||
    (width === 0) !== (hiddenRows.length === 0) ||
    (width === 0) !== (hiddenPositions.length === 0)
  ) {
    throw invalid(
      'prompt.hidden_rows',
      `${hiddenRows.length} bytes are no float32 rows of at most ${MAX_HIDDEN} for ${hiddenPositions.length} positions`,
    );
  }
  // A copy: the message's bytes need not be aligned.
  const rows = new Float32Array(Uint8Array.from(hiddenRows).buffer);
  const bad = rows.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw invalid('prompt.hidden_rows', `number ${bad} is not finite`);
  return {
    tokenIds: Uint32Array.from(tokenIds),
    hiddenRows: rows,
    hiddenPositions: Uint32Array.from(hiddenPositions),
  };
}
