import { takeSentences } from './sentences';

test.each([
  ['half a sentence waits', 'The sky is', '', 'The sky is'],
  ['whole ones are said', 'The sky is blue. The sea', 'The sky is blue. ', 'The sea'],
  ['a stop without a space may be a number', 'It is 3.1', '', 'It is 3.1'],
  ['a line is one', 'One\nTwo', 'One\n', 'Two'],
  ['a quote closes with it', 'He said “yes.” Then', 'He said “yes.” ', 'Then'],
  ['nothing', '', '', ''],
])('%s', (_, text, ready, rest) => {
  expect(takeSentences(text)).toEqual([ready, rest]);
});

test.each([
  ['words', 'word '.repeat(100)],
  ['no space at all', 'x'.repeat(500)],
])('a long text without an end is said in parts: %s', (_, text) => {
  const [ready, rest] = takeSentences(text);
  expect(ready.length).toBeGreaterThan(100);
  expect(ready.length).toBeLessThanOrEqual(241);
  expect(ready + rest).toBe(text);
});
