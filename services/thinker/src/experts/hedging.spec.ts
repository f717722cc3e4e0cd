import { Hedging } from './hedging';

const many = (hedging: Hedging, count: number, pairs = 4) => {
  let last = 0;
  for (let i = 0; i < count; i++) last = hedging.begin(pairs);
  return last;
};

describe('hedging', () => {
  test('late is what the percentile of calls of that size is exceeded by', () => {
    const hedging = new Hedging(90, 1_000_000);
    expect(hedging.begin(4)).toBe(250_000);
    for (let us = 1; us <= 100; us++) hedging.times.add(4, us * 1000);
    expect(hedging.begin(5)).toBe(91_000);
    // Calls 64 times as large take 64 times as long at most; smaller ones no longer.
    expect([hedging.begin(500), hedging.begin(1)]).toEqual([64 * 91_000, 91_000]);
  });

  test('only the last ones count, and never less than a timer can wait', () => {
    const hedging = new Hedging(50, 1_000_000);
    for (let i = 0; i < 128; i++) hedging.times.add(1, 900_000);
    expect(hedging.begin(1)).toBe(900_000);
    for (let i = 0; i < 128; i++) hedging.times.add(1, 100);
    expect(hedging.begin(1)).toBe(1000);
  });

  test('a share of all calls, after a first burst', () => {
    const hedging = new Hedging(95, 1_000_000);
    const taken = () => {
      let count = 0;
      while (hedging.take()) count++;
      return count;
    };
    expect(taken()).toBe(20);
    many(hedging, 100);
    expect(taken()).toBeGreaterThanOrEqual(9);
    many(hedging, 10_000);
    expect(taken()).toBe(20);
  });

  test('off is never', () => {
    expect(new Hedging(null, 1000).begin(1)).toBe(Number.POSITIVE_INFINITY);
  });
});
