import { RequestLimit } from './request-limit';

/** Runs a limit against a link, one window after the other; returns the limits in force. */
function climb(
  limit: RequestLimit,
  rateOf: (requests: number) => number,
  windows: number,
  from = 0,
): number[] {
  const seen: number[] = [];
  for (let window = 1; window <= windows; window++) {
    seen.push(limit.value);
    limit.record(rateOf(limit.value), limit.value, (from + window) * 1000);
  }
  return seen;
}
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

describe('RequestLimit', () => {
  it.each([
    ['a link that one request fills', 1, 5e6, 5e6],
    ['a link that four requests fill', 4, 5e6, 20e6],
    ['a link with room for all', 8, 5e6, 1e9],
  ])('finds %s', (_, best, each, link) => {
    const seen = climb(new RequestLimit(2, 8, 0), (n) => Math.min(n * each, link), 60);
    expect(median(seen.slice(20))).toBe(best);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...seen)).toBeLessThanOrEqual(8);
  });

  it('follows a link that changes', () => {
    const limit = new RequestLimit(2, 8, 0);
    climb(limit, (n) => n * 1e6, 40);
    expect(limit.value).toBeGreaterThanOrEqual(7);
    const seen = climb(limit, () => 1e6, 120, 40);
    expect(median(seen.slice(60))).toBeLessThanOrEqual(2);
  });

  it('learns nothing from a window that did not use it', () => {
    const limit = new RequestLimit(3, 8, 0);
    for (let window = 1; window < 20; window++) limit.record(1e6, 1, window * 1000);
    expect(limit.value).toBe(3);
  });

  it('gives way to an overloaded server', () => {
    const limit = new RequestLimit(8, 8, 0);
    limit.halve(10);
    limit.halve(20);
    expect(limit.value).toBe(2);
  });

  it('never exceeds one where one is the most', () => {
    expect(new Set(climb(new RequestLimit(1, 1, 0), () => 1e6, 20))).toEqual(new Set([1]));
  });
});
