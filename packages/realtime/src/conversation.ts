import type { Item } from './events';
import { heardText, type SpokenStretch } from './heard';
import type { Turn } from './ports';
import { RealtimeFailure } from './realtime-error';

/** How an assistant's words went out as audio. */
export interface Spoken {
  stretches: SpokenStretch[];
  /** Audio that the client was sent, milliseconds. */
  sentMs: number;
  /** When its first was sent. */
  firstAtMs: number | null;
  responseId: string;
  /** Its client was told to drop what it had not played. */
  cleared: boolean;
}

export interface Entry {
  readonly item: Item & { id: string };
  /** What was said in it is not understood yet. */
  pending: boolean;
  spoken: Spoken | null;
  /** What a listener has heard of it, where that is less than all. */
  heard: string | null;
}

/** The items of a session in their order. */
export class Conversation {
  private readonly entries: Entry[] = [];

  get size(): number {
    return this.entries.length;
  }

  get oldest(): string | undefined {
    return this.entries[0]?.item.id;
  }

  get items(): Item[] {
    return this.entries.map(({ item }) => item);
  }

  /** The same, of what was spoken only what was heard. */
  heardItems(): Item[] {
    return this.entries.map(({ item, heard }) => {
      if (heard === null || item.type !== 'message' || item.role !== 'assistant')
        return structuredClone(item);
      return { ...item, content: [{ type: 'output_audio', transcript: heard }] };
    });
  }

  pendingIds(): string[] {
    return this.entries.filter(({ pending }) => pending).map(({ item }) => item.id);
  }

  get textUnits(): number {
    return this.entries.reduce((sum, { item }) => sum + unitsOf(item), 0);
  }

  find(id: string): Entry | undefined {
    return this.entries.find(({ item }) => item.id === id);
  }

  /** The last that was spoken, whether or not to its end. */
  lastSpoken(): Entry | undefined {
    return this.entries.findLast(({ spoken }) => spoken !== null && spoken.sentMs > 0);
  }

  /**
   * Puts an item after the one named, at the end where none is, or first for `root`; gives the id of the one before
   * it. @throws RealtimeFailure for an id that is not there, or one that is there already
   */
  add(item: Entry['item'], after?: string): { entry: Entry; previousId: string | null } {
    if (this.find(item.id)) {
      throw new RealtimeFailure(
        'item_already_exists',
        `item.id: "${item.id}" is in the conversation already`,
        'item.id',
      );
    }
    let at = this.entries.length;
    if (after === 'root') at = 0;
    else if (after !== undefined) {
      const before = this.entries.findIndex((one) => one.item.id === after);
      if (before < 0) {
        const message = `previous_item_id: no item "${after}" in the conversation`;
        throw new RealtimeFailure('item_create_invalid_previous_item_id', message, 'previous_item_id');
      }
      at = before + 1;
    }
    const entry: Entry = { item, pending: false, spoken: null, heard: null };
    this.entries.splice(at, 0, entry);
    return { entry, previousId: this.entries[at - 1]?.item.id ?? null };
  }

  /** @throws RealtimeFailure where there is no such item */
  delete(id: string): void {
    const at = this.entries.findIndex(({ item }) => item.id === id);
    if (at < 0) {
      throw new RealtimeFailure(
        'item_delete_invalid_item_id',
        `item_id: no item "${id}" in the conversation`,
        'item_id',
      );
    }
    this.entries.splice(at, 1);
  }

  /** What the model is to know of all this. */
  turns(): Turn[] {
    return turnsOf(this.entries);
  }

  /** Whether something that was said is not understood yet. */
  get pending(): boolean {
    return this.entries.some(({ pending }) => pending);
  }
}

/** From here on only what was heard of it counts. */
export function keepHeard(entry: Entry, heardMs: number): void {
  const { item, spoken } = entry;
  if (!spoken || item.type !== 'message' || item.role !== 'assistant') return;
  const part = item.content.find(({ type }) => type === 'output_audio');
  if (!part) return;
  const heard = heardText(part.transcript ?? '', spoken.stretches, heardMs);
  // What has not been heard once is not heard later.
  if (entry.heard !== null && entry.heard.length <= heard.length) return;
  entry.heard = heard;
}

export function turnsOf(entries: readonly { item: Item; heard: string | null }[]): Turn[] {
  const turns: Turn[] = [];
  for (const { item, heard } of entries) {
    switch (item.type) {
      case 'message': {
        const content = heard ?? textOf(item);
        if (content !== '') turns.push({ role: item.role, content });
        break;
      }
      case 'function_call': {
        const call = { id: item.call_id ?? '', name: item.name, arguments: item.arguments };
        const last = turns.at(-1);
        // Calls that a model made together are one turn.
        if (last?.role === 'assistant' && last.calls) last.calls.push(call);
        else turns.push({ role: 'assistant', content: '', calls: [call] });
        break;
      }
      case 'function_call_output':
        turns.push({ role: 'tool', content: item.output, callId: item.call_id });
        break;
    }
  }
  return turns;
}

/** What a message says, written or spoken. */
export function textOf(item: Extract<Item, { type: 'message' }>): string {
  const parts: { text?: string; transcript?: string }[] = item.content;
  return parts
    .map(({ text, transcript }) => text ?? transcript ?? '')
    .filter((text) => text !== '')
    .join('\n');
}

export function unitsOf(item: Item): number {
  switch (item.type) {
    case 'message':
      return textOf(item).length;
    case 'function_call':
      return item.name.length + item.arguments.length;
    case 'function_call_output':
      return item.output.length;
  }
}
