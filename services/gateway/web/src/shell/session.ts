import { computed, signal } from '@preact/signals';

const KEY_ITEM = 'zen-key';

/** The API key: in this tab's session storage and nowhere else. Empty means none. */
export const apiKey = signal(sessionStorage.getItem(KEY_ITEM) ?? '');
/** Whether the server has asked for a key that it knows. */
export const keyWanted = signal(false);

export function setKey(key: string): void {
  apiKey.value = key;
  keyWanted.value = false;
  if (key === '') sessionStorage.removeItem(KEY_ITEM);
  else sessionStorage.setItem(KEY_ITEM, key);
}

export type View = 'chat' | 'compare' | 'voice';
export const view = signal<View>('chat');

/** A model's or a family's name; empty until the server has said what it serves. */
export const modelName = signal('');
/** The stage to answer with; null leaves it to the server. */
export const stagePin = signal<number | null>(null);
export const maxTokens = signal(256);
export const temperature = signal(0);

export const canAsk = computed(() => modelName.value !== '');
