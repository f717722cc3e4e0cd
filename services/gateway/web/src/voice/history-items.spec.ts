import { historyItems } from './history-items';
import { newAssistant, newPerson } from './voice-turn';

test('a new session is told what was said, and of answers what was heard', () => {
  const answer = { ...newAssistant('a', 'r'), text: 'One two three four.', soundMs: 1000, whole: true };
  expect(
    historyItems([
      { ...newPerson('p', 'understood'), text: 'Count.' },
      { ...answer, playedMs: 1000, state: 'answered' },
      newPerson('q', 'failed'),
      { ...answer, playedMs: 300, state: 'cut' },
      { ...answer, playedMs: 0, state: 'cut' },
    ]),
  ).toEqual([
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Count.' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'One two three four.' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'One two' }] },
  ]);
});
