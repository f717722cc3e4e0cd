import type { Entry } from './conversation';
import type { Item } from './events';

/** An item as a conversation keeps it: without its audio, which comes beside it where nothing says yet what it says. */
export function storedItem(item: Item, id: string): { item: Entry['item']; audio: string | null } {
  const status = item.status ?? 'completed';
  const kept = { ...structuredClone(item), id, object: 'realtime.item' as const, status } as Entry['item'];
  let audio: string | null = null;
  if (kept.type === 'message') {
    for (const part of kept.content as { audio?: string; transcript?: string }[]) {
      if (part.audio === undefined) continue;
      if (part.transcript === undefined) audio = (audio ?? '') + part.audio;
      delete part.audio;
    }
  }
  return { item: kept, audio };
}

/** What was said in a user's message is known now. */
export function understood(entry: Entry, transcript: string): void {
  entry.pending = false;
  const { item } = entry;
  if (item.type !== 'message' || item.role !== 'user') return;
  const part = item.content.find(
    ({ type, transcript: known }) => type === 'input_audio' && known === undefined,
  );
  if (part) part.transcript = transcript;
}
