import { LONGEST_MATCH, PromptLookup } from './prompt-lookup';

const after = (tokens: number[], sampled: number[] = []) => {
  const lookup = new PromptLookup();
  lookup.fill(tokens);
  for (const token of sampled) lookup.push(token);
  return lookup;
};
const guesses = (lookup: PromptLookup, count = 4) => [...lookup.guess(count)];

test.each([
  ['nothing before', [], [], 0, []],
  ['one token', [7], [], 0, []],
  ['no pair that came before', [1, 2, 3], [4, 5], 0, []],
  ['a pair of the prompt', [1, 2, 3, 4, 5, 6, 9], [1, 2], 2, [3, 4, 5, 6]],
  ['the longest match, not the latest', [8, 1, 2, 3, 50, 9, 1, 2, 4, 60], [8, 1, 2], 3, [3, 50, 9, 1]],
  ['the latest of equals', [1, 2, 3, 1, 2, 4, 5], [1, 2], 2, [4, 5, 1, 2]],
  ['its own output', [0], [5, 6, 7, 5, 6], 2, [7, 5, 6, 7]],
  ['what it copies reaches into itself', [0], [5, 5, 5], 2, [5, 5, 5, 5]],
] as const)('%s', (_, prompt, sampled, matched, expected) => {
  const lookup = after([...prompt], [...sampled]);
  expect(lookup.matched).toBe(matched);
  expect(guesses(lookup)).toEqual(expected);
  expect(lookup.next).toBe(expected[0] ?? -1);
});

test('a match grows with every token that comes as guessed', () => {
  const text = Array.from({ length: 60 }, (_, i) => 100 + i);
  const lookup = after([...text, 1], text.slice(0, 2));
  for (let i = 2; i < 50; i++) {
    expect(lookup.next).toBe(text[i]);
    expect(lookup.matched).toBe(Math.min(i, LONGEST_MATCH));
    lookup.push(text[i] as number);
  }
});

test.each([
  ['one replaced', [10, 11, 99, 13], 13, 14],
  ['one replaced by two', [10, 11, 98, 99, 13], 13, 14],
  ['two left out', [10, 11, 14], 14, 15],
])('goes on near where the text differed: %s', (_, sampled, last, next) => {
  const lookup = after([...Array.from({ length: 30 }, (_, i) => i), 7], sampled);
  expect(sampled.at(-1)).toBe(last);
  expect(lookup.matched).toBe(1);
  expect(lookup.next).toBe(next);
});

test('remembers a window, however long the text', () => {
  const lookup = new PromptLookup(1_000_000);
  lookup.fill(Array.from({ length: 3 }, (_, i) => i));
  for (let i = 0; i < 20_000; i++) lookup.push(1000 + i);
  lookup.push(0);
  lookup.push(1);
  expect(lookup.matched).toBe(0);
  lookup.push(1000 + 19_000);
  lookup.push(1000 + 19_001);
  expect(guesses(lookup, 2)).toEqual([1000 + 19_002, 1000 + 19_003]);
  const arrays = Object.values(lookup).filter((value) => value instanceof Int32Array);
  expect(arrays.map(({ length }) => length)).toEqual([16_384, 16_384, 16_384]);
});

test('grows from a small beginning', () => {
  const lookup = new PromptLookup(64);
  lookup.fill(Array.from({ length: 500 }, (_, i) => i));
  lookup.push(3);
  lookup.push(4);
  expect(guesses(lookup, 3)).toEqual([5, 6, 7]);
  lookup.push(5);
  expect(lookup.matched).toBe(3);
});
