import { RowCosts } from './row-costs';

test('interpolates, goes on beyond, and takes the least it has seen for less', () => {
  const costs = new RowCosts();
  expect(costs.time(4, 1)).toBeUndefined();
  costs.observe(4, 2, 1500);
  expect(costs.time(4, 1)).toBeCloseTo(1500);
  expect(costs.knows(4, 1)).toBe(false);
  costs.observe(4, 1, 1000);
  costs.observe(4, 6, 2300);
  expect(costs.time(4, 1)).toBeCloseTo(1000);
  expect(costs.time(4, 4)).toBeCloseTo(1900);
  expect(costs.time(4, 11)).toBeCloseTo(2300 + 5 * 260);
  expect(costs.time(3, 1)).toBeUndefined();
});

test('until more is known a further row costs a quarter', () => {
  const costs = new RowCosts();
  costs.observe(0, 1, 1000);
  expect(costs.time(0, 5)).toBeCloseTo(2000);
});

test('a slower machine is slower for every stage and number of rows', () => {
  const costs = new RowCosts();
  for (const stage of [1, 4]) for (const rows of [1, 2, 8]) costs.observe(stage, rows, 1000 + 100 * rows);
  for (let i = 0; i < 60; i++) costs.observe(4, 8, 3600);
  expect(costs.time(4, 8)).toBeGreaterThan(3300);
  expect((costs.time(4, 8) ?? 0) / (costs.time(4, 1) ?? 1)).toBeLessThan(1.3 * (1800 / 1100));
  expect(costs.time(1, 1)).toBeGreaterThan(1.5 * 1100);
});

test('one hiccup changes little', () => {
  const costs = new RowCosts();
  for (let i = 0; i < 20; i++) costs.observe(4, 1, 1000);
  costs.observe(4, 1, 100_000);
  expect(costs.time(4, 1)).toBeLessThan(1300);
});
