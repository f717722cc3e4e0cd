import { CapsPolicy } from './caps-policy';

/** Two experts; each takes 10 bytes more with each stage, and loses half as much. */
const costs = {
  bytes: Float64Array.from([10, 20, 30, 40, 50, 10, 20, 30, 40, 50]),
  losses: [16, 8, 4, 2, 1],
};

const ticks = (policy: CapsPolicy, count: number, rows: number[]) => {
  const changes: number[][] = [];
  for (let i = 0; i < count; i++) {
    const caps = policy.tick(rows);
    if (caps) changes.push([...caps]);
  }
  return changes;
};

describe('caps of experts', () => {
  test('the hot one is high and the cold one low, within the budget; looked at now and then', () => {
    const policy = new CapsPolicy(costs, 2, 60);
    expect(ticks(policy, 29, [100, 0])).toEqual([]);
    expect(policy.below(4)).toBe(0);
    expect(ticks(policy, 1, [100, 0])).toEqual([[4, 0]]);
    expect([policy.below(4), policy.below(0)]).toEqual([1, 0]);
    // Nothing has changed.
    expect(ticks(policy, 300, [100, 0])).toEqual([]);
  });

  test('what was hot long ago is forgotten', () => {
    const policy = new CapsPolicy(costs, 2, 60);
    ticks(policy, 900, [100, 0]);
    // A third of what the other one had.
    const [first = 4, second = 0] = ticks(policy, 300, [0, 100]).at(-1) ?? [];
    expect(second).toBeGreaterThan(first);
  });
});
