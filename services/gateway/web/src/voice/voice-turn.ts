import type { Facts } from './realtime-events';
import type { Sounding } from './spoken-text';

/** What somebody says. */
export type VoiceTurn = PersonTurn | AssistantTurn;

export interface PersonTurn {
  who: 'person';
  itemId: string;
  text: string;
  state: 'speaking' | 'understanding' | 'understood' | 'failed';
}

export interface AssistantTurn extends Sounding {
  who: 'assistant';
  itemId: string;
  responseId: string;
  /** Of its sound. */
  playedMs: number;
  /** `cut`: it was interrupted; what was not heard is forgotten. */
  state: 'answering' | 'answered' | 'cut' | 'failed';
  facts: Facts | null;
  /** From the end of the person's turn to the first sound of the answer here, milliseconds. */
  heardMs: number | null;
}

export function newPerson(itemId: string, state: PersonTurn['state']): PersonTurn {
  return { who: 'person', itemId, text: '', state };
}

export function newAssistant(itemId: string, responseId: string): AssistantTurn {
  return {
    who: 'assistant',
    itemId,
    responseId,
    text: '',
    stretches: [],
    soundMs: 0,
    whole: false,
    playedMs: 0,
    state: 'answering',
    facts: null,
    heardMs: null,
  };
}
