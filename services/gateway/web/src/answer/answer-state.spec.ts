import type { ChatEvent } from '../api/chat';
import { type AnswerState, grown, latencyOf, newAnswer, textOf } from './answer-state';

function after(events: [ChatEvent, nowMs: number][]): AnswerState {
  return events.reduce((answer, [event, nowMs]) => grown(answer, event, nowMs), newAnswer(1000));
}
const piece = (text: string, stage: number): ChatEvent => ({
  t: 'piece',
  choice: 0,
  text,
  stage,
  model: 'm',
});

test('pieces of one stage are one run; a climb starts the next', () => {
  const answer = after([
    [{ t: 'opened', head: { stage: 1, reason: 'attached' } }, 1050],
    [piece('a', 1), 1100],
    [piece('b', 1), 1110],
    [piece('c', 2), 1120],
    [piece('d', 2), 1130],
  ]);
  expect(answer.runs).toEqual([
    { stage: 1, text: 'ab' },
    { stage: 2, text: 'cd' },
  ]);
  expect(textOf(answer)).toBe('abcd');
  expect(answer).toMatchObject({ status: 'streaming', reason: 'attached', model: 'm' });
});

test('latency: to the first piece, and between tokens as the server counts them', () => {
  const pieces: [ChatEvent, number][] = [
    [piece('a', 1), 1100],
    [piece('b', 1), 1400],
  ];
  expect(latencyOf(after(pieces))).toEqual({ ttftMs: 100, tpotMs: null });
  const counted = after([...pieces, [{ t: 'usage', promptTokens: 1, completionTokens: 4 }, 1500]]);
  expect(latencyOf(counted)).toEqual({ ttftMs: 100, tpotMs: 100 });
  expect(latencyOf(newAnswer(0))).toEqual({ ttftMs: null, tpotMs: null });
});

test.each([
  ['stop', false],
  ['length', true],
])('an end by %s', (reason, cut) => {
  expect(after([[{ t: 'finished', choice: 0, reason }, 1]])).toMatchObject({ status: 'done', cut });
});
