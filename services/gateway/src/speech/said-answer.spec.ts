import { SaidAnswer } from './said-answer';

const call = { index: 0, id: 'call_1', name: 'now', arguments: '{}' };

test('tokens are said with the text that they make, and text is found by how many were', () => {
  const said = new SaidAnswer(true);
  expect(said.push({ text: 'Hello', tokenIds: [5] })).toEqual([5]);
  // The first half of a character.
  expect(said.push({ text: '', tokenIds: [6] })).toEqual([]);
  expect(said.push({ text: ' 😀', tokenIds: [7] })).toEqual([6, 7]);
  expect([0, 1, 2, 3, 9].map((tokens) => said.textAt(tokens))).toEqual([0, 5, 5, 8, 8]);
});

test('what calls a tool is not said', () => {
  const said = new SaidAnswer(true);
  expect(said.push({ text: '', tokenIds: [1, 2] })).toEqual([]);
  expect(said.push({ text: '', tokenIds: [3], calls: [call] })).toEqual([]);
  expect(said.push({ text: 'Done', tokenIds: [4] })).toEqual([4]);
  expect(said.textAt(1)).toBe(4);
});

test('a voice that reads text is given it, and its offsets are those of the text', () => {
  const said = new SaidAnswer(false);
  expect(said.push({ text: 'Hello', tokenIds: [5] })).toBe('Hello');
  expect(said.push({ text: '', tokenIds: [6] })).toBe('');
  expect(said.textAt(3)).toBe(3);
});
