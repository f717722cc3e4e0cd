import { type Eagerness, semanticWaitMs } from './semantic-wait';

const finished = semanticWaitMs('Yes.', 'en', 'medium');
const unclear = semanticWaitMs('', '', 'medium');
const unfinished = semanticWaitMs('Well,', 'en', 'medium');

test('an end is waited for the longer the less it sounds like one, and the longer the less eager', () => {
  expect(finished).toBeLessThan(unclear);
  expect(unclear).toBeLessThan(unfinished);
  for (const text of ['Yes.', 'maybe', 'because']) {
    const waits = (['high', 'medium', 'low'] as Eagerness[]).map((one) => semanticWaitMs(text, 'en', one));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
  }
});

test.each([
  ['I would like to book a table.', 'en', finished],
  ['What time is it?', 'en', finished],
  ['What is that for?', 'en', finished],
  ['Stop!', 'en', finished],
  ['He said "no."', 'en', finished],
  ['I would like to book a table', 'en', unclear],
  ['Yes we can.', 'en', unclear],
  ['', 'en', unclear],
  ['I would like to.', 'en', unfinished],
  ['I was there because.', 'en', unfinished],
  ['Tell me about the', 'en', unfinished],
  ['Uh.', 'en', unfinished],
  ['So, um', 'en', unfinished],
  ['First we go,', 'en', unfinished],
  ['And then...', 'en', unfinished],
  ['And then…', 'en', unfinished],
  ['Ich möchte einen Tisch.', 'de', finished],
  ['Er kam an.', 'de', finished],
  ['我想订一张桌子。', 'zh', finished],
  ['我想订一张桌子', 'zh', unclear],
  ['我想，', 'zh', unfinished],
])('%j (%s)', (text, language, wait) => {
  expect(semanticWaitMs(text, language, 'medium')).toBe(wait);
});
