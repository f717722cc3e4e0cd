import { Tier, type TierOptions } from './tier';
import { seeded } from './tier.fixture';

const bytes = (options: Partial<TierOptions> = {}) =>
  new Tier({ capacity: 100, fixedCost: 10, floorShare: 0.5, idleMs: 1000, ...options });

/** Adds what is not there; false where there is no room for it. */
function fill(tier: Tier, key: string, size: number, nowMs = 0): boolean {
  if (tier.use(key, nowMs)) return true;
  const tenant = key.split('/')[0] as string;
  if (tier.makeRoom(tenant, size, nowMs) === null) return false;
  tier.add({ key, tenant, size }, nowMs);
  return true;
}

describe('what goes', () => {
  test('of the same use, what is cheaper to bring back for its size: the large one', () => {
    const tier = bytes();
    fill(tier, 'a/small', 10);
    fill(tier, 'a/large', 80);
    fill(tier, 'a/new', 20);
    expect([tier.has('a/small'), tier.has('a/large')]).toEqual([true, false]);
  });

  test('what is used often stays, until it has not been for long', () => {
    const tier = bytes({ capacity: 3, fixedCost: 0 });
    for (let i = 0; i < 5; i++) fill(tier, 'a/often', 1);
    for (let i = 0; i < 6; i++) fill(tier, `a/once-${i}`, 1);
    expect(tier.has('a/often')).toBe(true);
    for (let i = 0; i < 20; i++) fill(tier, `a/later-${i}`, 1);
    expect(tier.has('a/often')).toBe(false);
  });

  test('never what is in use: where nothing else is left there is no room', () => {
    const tier = bytes({ capacity: 2 });
    fill(tier, 'a/1', 1);
    fill(tier, 'a/2', 1);
    tier.pin('a/1');
    tier.pin('a/2');
    expect(fill(tier, 'a/3', 1)).toBe(false);
    tier.unpin('a/1');
    expect(fill(tier, 'a/3', 1)).toBe(true);
    expect([tier.has('a/1'), tier.has('a/2')]).toEqual([false, true]);
  });

  test('nothing that could never be here', () => {
    const tier = bytes({ ceiling: 60 });
    fill(tier, 'a/1', 60);
    expect(tier.makeRoom('b', 61, 0)).toBeNull();
    expect(tier.fits(61)).toBe(false);
    expect(tier.has('a/1')).toBe(true);
  });
});

describe('a noisy tenant', () => {
  test('cannot take what a quiet one has within its floor', () => {
    const tier = bytes({ capacity: 8, fixedCost: 0 });
    fill(tier, 'quiet/1', 1);
    fill(tier, 'quiet/2', 1);
    // Two tenants, half of eight slots: two each.
    for (let i = 0; i < 500; i++) expect(fill(tier, `noisy/${i}`, 1, i)).toBe(true);
    expect(tier.usedOf('quiet')).toBe(2);
    expect(tier.usedOf('noisy')).toBe(6);
  });

  test('takes what lies beyond the floor, and all of it once the other is idle', () => {
    const tier = bytes({ capacity: 8, fixedCost: 0 });
    for (let i = 0; i < 8; i++) fill(tier, `quiet/${i}`, 1);
    for (let i = 0; i < 500; i++) fill(tier, `noisy/${i}`, 1, 500);
    expect(tier.usedOf('quiet')).toBe(2);
    for (let i = 0; i < 500; i++) fill(tier, `noisy/again-${i}`, 1, 2000);
    expect(tier.usedOf('quiet')).toBe(0);
  });

  test('stays below its ceiling at its own cost', () => {
    const tier = bytes({ capacity: 8, fixedCost: 0, ceiling: 3 });
    fill(tier, 'other/1', 1);
    for (let i = 0; i < 50; i++) fill(tier, `noisy/${i}`, 1);
    expect([tier.usedOf('noisy'), tier.usedOf('other')]).toEqual([3, 1]);
  });
});

describe('against the least recently used', () => {
  /** Hits of `asks` at a plain LRU of this capacity. */
  function lruHits(asks: readonly { key: string; size: number }[], capacity: number): number {
    const held = new Map<string, number>();
    let used = 0;
    let hits = 0;
    for (const { key, size } of asks) {
      if (held.delete(key)) hits++;
      else used += size;
      held.set(key, size);
      for (const [oldest, bytes] of held) {
        if (used <= capacity) break;
        held.delete(oldest);
        used -= bytes;
      }
    }
    return hits;
  }

  /** Zipf over 5,000 users' deltas of 30 to 120 KB, with a cohort's 13 MB every hundredth time. */
  function workload(seed: number, scan: boolean) {
    const random = seeded(seed);
    const weights = Array.from({ length: 5000 }, (_, i) => 1 / (i + 1));
    const total = weights.reduce((sum, one) => sum + one, 0);
    const pick = () => {
      let left = (random(1_000_000) / 1_000_000) * total;
      return weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
    };
    return Array.from({ length: 30_000 }, (_, i) => {
      if (random(100) === 0) return { key: `t/dense-${random(20)}`, size: 13_000 };
      // A third of them are asked for once and never again.
      if (scan && random(3) === 0) return { key: `t/once-${i}`, size: 60 };
      const user = pick();
      return { key: `t/${user}`, size: 30 + ((user * 37) % 90) };
    });
  }

  test.each([
    ['mixed sizes', 11, false],
    ['mixed sizes among what never comes again', 12, true],
  ])('%s: more hits in the same memory', (_, seed, scan) => {
    const asks = workload(seed, scan);
    const tier = new Tier({ capacity: 64_000, fixedCost: 250, floorShare: 0, idleMs: 1 });
    let hits = 0;
    for (const { key, size } of asks) {
      if (tier.has(key)) hits++;
      fill(tier, key, size);
    }
    const lru = lruHits(asks, 64_000);

    expect(hits).toBeGreaterThan(1.1 * lru);
  });
});
