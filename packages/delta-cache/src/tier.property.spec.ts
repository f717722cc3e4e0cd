import { Tier, type TierEntry } from './tier';
import { seeded } from './tier.fixture';

const CAPACITY = 1000;
const IDLE_MS = 5000;

interface Model {
  entries: Map<string, TierEntry & { pins: number }>;
}

const sum = (entries: Iterable<TierEntry>) => [...entries].reduce((total, { size }) => total + size, 0);

/** Uses, pins and adds at random, with the largest tenant asking far more than the others. */
function randomRun(seed: number, ceiling: number | undefined, sizes: number) {
  const random = seeded(seed);
  const tier = new Tier({
    capacity: sizes === 1 ? 12 : CAPACITY,
    fixedCost: sizes === 1 ? 0 : 50,
    floorShare: 0.5,
    idleMs: IDLE_MS,
    ...(ceiling === undefined ? {} : { ceiling }),
  });
  const capacity = sizes === 1 ? 12 : CAPACITY;
  const { entries }: Model = { entries: new Map() };
  const lastMs = new Map<string, number>();
  const counts = { hits: 0, added: 0, evicted: 0, fromOthers: 0, refused: 0 };
  let nowMs = 0;
  const usedOf = (tenant: string) => sum([...entries.values()].filter((one) => one.tenant === tenant));
  for (let step = 0; step < 4000; step++) {
    nowMs += random(40);
    const tenant = random(10) < 6 ? 'noisy' : `quiet-${random(4)}`;
    const key = `${tenant}/${random(tenant === 'noisy' ? 200 : 4)}`;
    const what = random(10);
    if (what < 6 && !entries.has(key)) {
      const size = 1 + random(sizes);
      const before = new Map(entries);
      const gone = tier.makeRoom(tenant, size, nowMs);
      lastMs.set(tenant, nowMs);
      const floor = tier.floor(nowMs);
      if (gone === null) {
        counts.refused++;
        expect([...tier.entries()].map((one) => one.key).sort()).toEqual([...entries.keys()].sort());
      } else {
        for (const one of gone) {
          const victim = before.get(one.key);
          expect(victim?.pins).toBe(0);
          const active = nowMs - (lastMs.get(one.tenant) ?? Number.NEGATIVE_INFINITY) < IDLE_MS;
          // Before it went, its tenant had more than its floor.
          if (one.tenant !== tenant && active) {
            expect(usedOf(one.tenant)).toBeGreaterThan(floor);
            counts.fromOthers++;
          }
          entries.delete(one.key);
          counts.evicted++;
        }
        tier.add({ key, tenant, size }, nowMs);
        entries.set(key, { key, tenant, size, pins: 0 });
        counts.added++;
      }
    } else if (what < 7) {
      const hit = tier.use(key, nowMs);
      expect(hit).toBe(entries.has(key));
      if (hit) lastMs.set(tenant, nowMs);
      counts.hits += hit ? 1 : 0;
    } else {
      const entry = [...entries.values()][random(Math.max(1, entries.size))];
      if (!entry) continue;
      // Use comes in waves: at times nearly everything is pinned.
      const pinning = Math.floor(step / 500) % 2 === 0;
      if (random(40) === 0) {
        tier.remove(entry.key);
        entries.delete(entry.key);
      } else if (pinning) {
        tier.pin(entry.key);
        entry.pins++;
      } else if (entry.pins > 0) {
        tier.unpin(entry.key);
        entry.pins--;
      }
    }
    expect(tier.used).toBe(sum(entries.values()));
    expect(tier.used).toBeLessThanOrEqual(capacity);
    expect(tier.count).toBe(entries.size);
    expect(tier.pinned).toBe([...entries.values()].filter(({ pins }) => pins > 0).length);
    if (ceiling !== undefined) expect(usedOf('noisy')).toBeLessThanOrEqual(ceiling);
  }
  return counts;
}

describe('a tier under random use', () => {
  test.each([
    ['bytes', 1, undefined, 200],
    ['bytes with a ceiling', 2, 400, 200],
    ['slots', 3, undefined, 1],
    ['slots with a ceiling', 4, 5, 1],
  ])(
    'of %s never evicts what is in use, nor from a floor, and never holds too much',
    (_, seed, ceiling, sizes) => {
      const counts = randomRun(seed, ceiling, sizes);
      // It was worth the run.
      for (const what of Object.keys(counts) as (keyof typeof counts)[]) {
        expect(counts[what]).toBeGreaterThan(10);
      }
    },
  );
});
