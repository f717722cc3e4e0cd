import { agree, NOTHING_SETTLED } from './agreement';

/** Words of one id each, of which each is two characters wide with its space. */
const said = (...ids: number[]) => ({
  ids,
  wordEnds: ids.map((_, i) => ({ ids: i + 1, characters: 2 * (i + 1) })),
});

test('what two agree on is settled, but for the last word', () => {
  expect(agree([], said(1, 2, 3), NOTHING_SETTLED)).toBe(NOTHING_SETTLED);
  expect(agree([1, 2, 9], said(1, 2, 3), NOTHING_SETTLED)).toEqual({ ids: [1, 2], characters: 4 });
  expect(agree([1, 2, 3], said(1, 2, 3), NOTHING_SETTLED)).toEqual({ ids: [1, 2], characters: 4 });
});

test('it never shrinks', () => {
  const settled = { ids: [1, 2], characters: 4 };
  expect(agree([1, 2, 3], said(1, 2), settled)).toBe(settled);
  expect(agree([1], said(1, 2, 3, 4), settled)).toBe(settled);
  expect(agree([1, 2, 3, 5], said(1, 2, 3, 4), settled)).toEqual({ ids: [1, 2, 3], characters: 6 });
});

test('half a word is not', () => {
  const now = {
    ids: [1, 2, 3, 4],
    wordEnds: [
      { ids: 2, characters: 5 },
      { ids: 4, characters: 9 },
    ],
  };
  expect(agree([1, 2, 3, 9], now, NOTHING_SETTLED)).toEqual({ ids: [1, 2], characters: 5 });
});
