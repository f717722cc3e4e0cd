import { countsAgainst, mayRetry } from './retry';

describe('retry', () => {
  test.each([
    ['unavailable', false, 1, true],
    ['unavailable', true, 1, false],
    ['unavailable', false, 3, false],
    ['overloaded', false, 2, true],
    ['overloaded', true, 1, false],
    ['refused', false, 1, false],
    ['cancelled', false, 1, false],
  ] as const)('%s, started %p, attempt %d: %p', (failure, started, attempts, want) => {
    expect(mayRetry(failure, { started, attempts })).toBe(want);
  });

  test('only a broken replica is held against it', () => {
    expect((['unavailable', 'overloaded', 'refused', 'cancelled'] as const).filter(countsAgainst)).toEqual([
      'unavailable',
    ]);
  });
});
