import { spokenUnits } from './spoken-text';
import type { VoiceTurn } from './voice-turn';

/** What was said so far, for a session that does not know it: of the answers what was heard. */
export function historyItems(turns: readonly VoiceTurn[]): object[] {
  return turns.flatMap((turn) => {
    const isPerson = turn.who === 'person';
    const text = isPerson ? turn.text : turn.text.slice(0, heardUnits(turn)).trimEnd();
    if (text === '') return [];
    const content = [{ type: isPerson ? 'input_text' : 'output_text', text }];
    return [{ type: 'message', role: isPerson ? 'user' : 'assistant', content }];
  });
}

function heardUnits(turn: Extract<VoiceTurn, { who: 'assistant' }>): number {
  return turn.state === 'answered' && turn.playedMs >= turn.soundMs
    ? turn.text.length
    : spokenUnits(turn, turn.playedMs);
}
