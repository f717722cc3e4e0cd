import type { WindowTranscript } from '../whisper/transcript';

/** The beginning of a window's text that no later partial changes. */
export interface Settled {
  ids: readonly number[];
  characters: number;
}

export const NOTHING_SETTLED: Settled = { ids: [], characters: 0 };

/**
 * What two transcripts in a row agree on, up to the end of a word, is settled; the next one begins with it. The last
 * word never is: what follows may still change it.
 */
export function agree(
  before: readonly number[],
  now: Pick<WindowTranscript, 'ids' | 'wordEnds'>,
  settled: Settled,
): Settled {
  let same = 0;
  while (same < before.length && same < now.ids.length && before[same] === now.ids[same]) same++;
  const end = now.wordEnds.findLast(({ ids }) => ids <= same && ids < now.ids.length);
  if (!end || end.ids <= settled.ids.length) return settled;
  return { ids: now.ids.slice(0, end.ids), characters: end.characters };
}
