import { chatEvents } from './chat';

const chunk = (fields: object) => JSON.stringify({ model: 'm', choices: [], ...fields });
const piece = (content: string, more = {}) =>
  chunk({ choices: [{ index: 1, delta: { content }, finish_reason: null }], ...more });

test('a piece carries the stage of its own chunk', () => {
  expect(chatEvents(piece('a', { zen: { stage: 3 } }), 1)).toEqual([
    { t: 'piece', choice: 1, text: 'a', stage: 3, model: 'm' },
  ]);
});

test('without one, that of the answer', () => {
  expect(chatEvents(piece('a'), 1)).toMatchObject([{ stage: 1 }]);
});

test('the opening says nothing, the finish its reason, the usage its counts', () => {
  expect(chatEvents(piece(''), 0)).toEqual([]);
  const finish = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'length' }] });
  expect(chatEvents(finish, 0)).toEqual([{ t: 'finished', choice: 0, reason: 'length' }]);
  const usage = chunk({ usage: { prompt_tokens: 3, completion_tokens: 5 } });
  expect(chatEvents(usage, 0)).toEqual([{ t: 'usage', promptTokens: 3, completionTokens: 5 }]);
});

test('an error in the stream is thrown in words', () => {
  const data = JSON.stringify({ error: { message: 'the gateway is shutting down', code: 'unavailable' } });
  expect(() => chatEvents(data, 0)).toThrow('No model can answer now');
});
