import { seeded } from '../routing/requests';
import { uniform, zipf } from './picks';

const counts = (pick: () => number, draws: number) => {
  const seen = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const at = pick();
    seen.set(at, (seen.get(at) ?? 0) + 1);
  }
  return seen;
};

test('uniform uses all alike', () => {
  const seen = counts(uniform(10, seeded(1)), 20_000);
  expect([...seen.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const count of seen.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
});

test('Zipf uses the k-th 1/k as often as the first, each thing under one rank', () => {
  const seen = [...counts(zipf(100, 1, seeded(1)), 100_000).values()].sort((a, b) => b - a);
  expect(seen).toHaveLength(100);
  const [first = 0, second = 0, third = 0] = seen;
  expect(first / second).toBeCloseTo(2, 0);
  expect(first / third).toBeCloseTo(3, 0);
  // The harmonic number of 100 is 5.19.
  expect(first / 100_000).toBeCloseTo(1 / 5.19, 2);
});
