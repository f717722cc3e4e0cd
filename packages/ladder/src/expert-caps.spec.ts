import { type ExpertCosts, expertCaps, expertCosts } from './expert-caps';
import type { LadderConfig } from './ladder-config';

/** Experts that cost 10 at stage 0, and 10 more for every stage. */
function costs(experts: number): ExpertCosts {
  const bytes = Float64Array.from({ length: experts * 5 }, (_, i) => 10 * ((i % 5) + 1));
  return { bytes, losses: [1, 0.5, 0.2, 0.1, 0] };
}
const total = (caps: Int8Array) => caps.reduce((sum, cap) => sum + 10 * (cap + 1), 0);

describe('expertCaps', () => {
  it('gives all of them the top where it fits', () => {
    expect([...expertCaps([0, 5, 9], costs(3), null, { budgetBytes: 150 })]).toEqual([4, 4, 4]);
  });

  it('raises hot experts before cold ones, within the budget', () => {
    const caps = expertCaps([1000, 1, 100, 0], costs(4), null, { budgetBytes: 110 });
    expect(total(caps)).toBeLessThanOrEqual(110);
    expect(caps[0]).toBe(4);
    expect(caps[2]).toBeGreaterThan(caps[1] ?? 0);
    expect(caps[3]).toBe(0);
  });

  it('gives stage 0 where the budget is too small for anything', () => {
    expect([...expertCaps([7, 8], costs(2), null, { budgetBytes: 0 })]).toEqual([0, 0]);
  });

  it('takes a stage that costs nothing', () => {
    const free = costs(1);
    free.bytes.set([10, 10, 10, 90, 90]);
    expect([...expertCaps([3], free, null, { budgetBytes: 20 })]).toEqual([2]);
  });

  it('never passes the budget nor leaves out what would fit, whatever the load', () => {
    let seed = 1;
    const next = () => {
      seed = (seed * 48271) % 2147483647;
      return seed;
    };
    for (let round = 0; round < 50; round++) {
      const load = Array.from({ length: 16 }, () => (next() % 4) * (next() % 1000));
      const budgetBytes = 160 + (next() % 700);
      const caps = expertCaps(load, costs(16), null, { budgetBytes });
      expect(total(caps)).toBeLessThanOrEqual(budgetBytes);
      const hottest = load.indexOf(Math.max(...load));
      expect(caps[hottest]).toBe(Math.max(...caps));
      if (Math.min(...caps) < 4) expect(budgetBytes - total(caps)).toBeLessThan(40);
    }
  });

  it('keeps the current caps while new ones gain little, and drops them where they no longer fit', () => {
    const before = expertCaps([100, 90], costs(2), null, { budgetBytes: 70 });
    expect(expertCaps([95, 100], costs(2), before, { budgetBytes: 70 })).toBe(before);
    const moved = expertCaps([1, 1000], costs(2), before, { budgetBytes: 70 });
    expect(moved[1]).toBe(4);
    expect(total(expertCaps([95, 100], costs(2), before, { budgetBytes: 30 }))).toBeLessThanOrEqual(30);
  });
});

describe('expertCosts', () => {
  const section = (stage: number, bytes: number) => ({ stage, offset: 0, bytes });
  const rungs = [
    {
      kind: 'coded',
      stage: 0,
      bits: 4,
      group: 32,
      planes: [{ ...section(0, 512), width: 4 }],
      rowScale: section(0, 64),
      groups: section(0, 32),
    },
    {
      kind: 'exact',
      stage: 2,
      planes: [],
      residual: { bits: 4, planes: [{ ...section(2, 512), width: 4 }] },
      params: section(2, 128),
      supers: null,
    },
  ];
  const config = (klMean: (number | null)[]) =>
    ({
      model: { layers: 1, experts: { count: 2, perToken: 1, normalized: true, sharedFfnSize: 0 } },
      stages: klMean.map((kl, stage) => ({ stage, bytes: 0, quality: kl === null ? null : { klMean: kl } })),
      tensors: [0, 1].map((expert) => ({
        name: `blk.0.ffn_up.${expert}.weight`,
        shape: [32, 32],
        sourceType: 'Q8_0',
        rungs,
      })),
    }) as unknown as LadderConfig;

  it('counts what is read, and merged planes whole', () => {
    const found = expertCosts(config([0.4, 0.3, 0.2, 0.1, 0]));
    expect([...(found?.bytes ?? [])]).toEqual([608, 608, 1152, 1152, 1152, 608, 608, 1152, 1152, 1152]);
    expect(found?.losses).toEqual([0.4, 0.3, 0.2, 0.1, 0]);
  });

  it('assumes losses where stages were not measured', () => {
    expect(expertCosts(config([0.4, null, 0.2, 0.1, 0]))?.losses).toEqual([
      1,
      1 / 4,
      1 / 16,
      1 / 64,
      1 / 256,
    ]);
  });

  it('is null of a dense model', () => {
    expect(expertCosts({ model: {} } as LadderConfig)).toBeNull();
  });
});
