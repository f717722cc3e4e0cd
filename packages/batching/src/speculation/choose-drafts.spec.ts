import { type Candidate, chooseDrafts } from './choose-drafts';

const constant = (alpha: number, most = 32, draftUs = 0): Candidate => ({
  rates: new Array<number>(most).fill(alpha),
  draftUs,
});
/** Bound by memory: a further row costs an eighth, and several rows take a slower way. */
const light = (rows: number) => (rows === 1 ? 1000 : 1300 + 125 * rows);
/** Bound by arithmetic: every row costs the same. */
const heavy = (rows: number) => 1000 * rows;

const speedUp = (alpha: number, gamma: number, draftUs: number, stepUs: (rows: number) => number) =>
  (1 - alpha ** (gamma + 1)) /
  ((1 - alpha) * ((gamma * draftUs) / stepUs(1) + stepUs(gamma + 1) / stepUs(1)));

describe.each([0.3, 0.6, 0.8, 0.9, 0.95])('one sequence, guesses right with probability %d', (alpha) => {
  test.each([0, 200, 500, 850])('drafts that cost %d us each: as many as the formula says', (draftUs) => {
    const costs = { sequences: 1, stepUs: light, mostRows: 32 };
    const { counts, gain } = chooseDrafts([constant(alpha, 32, draftUs)], costs);
    const all = Array.from({ length: 32 }, (_, i) => speedUp(alpha, i + 1, draftUs, light));
    const best = Math.max(...all);
    expect(gain).toBeCloseTo(Math.max(1, best), 6);
    expect(counts[0]).toBe(best > 1 ? all.indexOf(best) + 1 : 0);
  });
});

test('the first guess may cost more than it brings', () => {
  const costs = { sequences: 1, stepUs: light, mostRows: 32 };
  expect(speedUp(0.9, 1, 0, light)).toBeLessThan(1.25);
  expect(chooseDrafts([constant(0.9)], costs).counts[0]).toBeGreaterThan(4);
});

test('nothing where every row costs as much as a step', () => {
  const costs = { sequences: 1, stepUs: heavy, mostRows: 32 };
  expect(chooseDrafts([constant(0.99)], costs)).toEqual({ counts: [0], gain: 1 });
});

test('a sequence pays for slowing down its neighbours', () => {
  const choose = (sequences: number) =>
    chooseDrafts([constant(0.8)], { sequences, stepUs: light, mostRows: 32 }).counts[0] as number;
  expect(choose(1)).toBeGreaterThan(choose(2));
  expect(choose(20)).toBe(0);
});

test('who guesses better gets more, within the rows that are left', () => {
  const costs = { sequences: 2, stepUs: light, mostRows: 6 };
  const { counts } = chooseDrafts([constant(0.5), constant(0.97)], costs);
  expect(counts[1]).toBeGreaterThan(counts[0] as number);
  expect((counts[0] as number) + (counts[1] as number)).toBeLessThanOrEqual(6);
  expect(chooseDrafts([constant(0.99, 3)], { ...costs, sequences: 1 }).counts).toEqual([3]);
});
