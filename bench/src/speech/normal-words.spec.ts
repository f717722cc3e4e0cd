import { normalWords } from './normal-words';
import { KINDS, sentences } from './sentences';
import { wordErrors } from './word-errors';

describe('words that a text stands for', () => {
  it.each([
    ['The ticket costs $4.50!', 'the ticket costs four dollars fifty cents'],
    ['four dollars and fifty cents', 'four dollars fifty cents'],
    ['$1,200', 'one thousand two hundred dollars'],
    ['At 3:15, or 11:05 p.m.', 'at three fifteen or eleven oh five pm'],
    ['in 1984 and 2023', 'in nineteen eighty four twenty twenty three'],
    ['1,250 people, 33%', 'one thousand two hundred fifty people thirty three percent'],
    ['two hundred and five', 'two hundred five'],
    ['a hundred', 'one hundred'],
    ['on June 21st, the 3rd and the 30th', 'on june twenty first the third and the thirtieth'],
    ['3.14 and 0.75', 'three point one four zero point seven five'],
    ['the train leaves at 9.45', 'the train leaves at nine forty five'],
    ['at 730 in the morning', 'at seven thirty in the morning'],
    ['On January 21, before 3.15', 'on january twenty first before three fifteen'],
    ["It's OK, Mr. Parker", 'its okay mister parker'],
    ['two metres from the harbour', 'two meters from the harbor'],
    ['salt and pepper', 'salt and pepper'],
    ['', ''],
  ])('%s', (text, words) => {
    expect(normalWords(text).join(' ')).toBe(words);
  });
});

it.each<[string, string, number]>([
  ['a b c', 'a b c', 0],
  ['a b c', 'a c', 1],
  ['a b c', 'a x b c', 1],
  ['a b c', 'a x c', 1],
  ['a b c', '', 3],
  ['', 'a', 1],
  ['a b c d', 'b c d e', 2],
])('errors between "%s" and "%s"', (expected, actual, errors) => {
  const words = (text: string) => text.split(' ').filter((word) => word !== '');
  expect(wordErrors(words(expected), words(actual))).toBe(errors);
});

it('draws different sentences of every kind, the same again', () => {
  const drawn = sentences(34);
  expect(drawn).toEqual(sentences(34));
  expect(new Set(drawn.map(({ text }) => text)).size).toBe(34 * KINDS.length);
  expect(drawn.every(({ text }) => /^[A-Z][^{}]+[.?]$/.test(text))).toBe(true);
  expect(sentences(34, 2)).not.toEqual(drawn);
});
