import { model, pool } from '../resource/resources.fixture';
import { SimulatedNamespace } from '../world/simulated-namespace.fixture';
import type { World } from '../world/world';

/** Mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What users do, in this order; everything between happens in any. */
const DEEDS: ((space: SimulatedNamespace) => void)[] = [
  (space) => space.create(model('a', { replicas: 2 })),
  (space) => space.create(pool('x', { model: 'a', replicas: 2 })),
  (space) => space.create(pool('y', { model: 'a', replicas: 1 })),
  (space) => space.change('ExpertPool x', { replicas: 5 }),
  (space) => space.use('ZenModel a', '2026-11-26T00:59:00Z'),
  (space) => space.create(model('b', { replicas: 1 })),
  (space) => space.change('ExpertPool x', { replicas: 2 }),
  (space) => space.change('ZenModel a', { replicas: 1, env: { ZEN_THREADS: '8' } }),
  (space) => space.delete('ZenModel b'),
  (space) => space.change('ExpertPool x', { stage: 2 }),
];

/** Runs the deeds with everything else in the order that chance gives, old views and double looks included. */
function run(seed: number): SimulatedNamespace {
  const random = randomOf(seed);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const space = new SimulatedNamespace();
  const views: World[] = [space.world()];
  let next = 0;
  while (next < DEEDS.length) {
    const chance = random();
    if (chance < 0.12) DEEDS[next++]?.(space);
    else if (chance < 0.3) space.pass();
    else if (chance < 0.4) space.pass(pick(views.slice(-5)));
    else if (chance < 0.6) space.step(pick([...space.made.keys()]) ?? '');
    else if (chance < 0.75) space.gone(pick([...space.pods.keys()]) ?? '');
    else if (chance < 0.9) space.ready(pick([...space.pods.keys()]) ?? '');
    else views.push(space.world());
  }
  space.settle();
  return space;
}

describe('whatever the order of events', () => {
  const expected = (() => {
    const space = new SimulatedNamespace();
    for (const deed of DEEDS) {
      deed(space);
      space.settle();
    }
    return space.summary();
  })();

  test.each(Array.from({ length: 16 }, (_, seed) => seed))('the end is the same (seed %i)', (seed) => {
    expect(run(seed).summary()).toEqual(expected);
  });

  test('and nothing is written when nothing has changed', () => {
    const space = run(1);
    const { writes } = space;
    for (let again = 0; again < 5; again++) space.pass();
    expect(space.writes).toBe(writes);
  });

  test('deleting everything leaves nothing', () => {
    for (let seed = 0; seed < 4; seed++) {
      const space = run(seed);
      const names = [...space.resources.keys()];
      expect(names.length).toBeGreaterThan(2);
      for (const name of names) space.delete(name);
      space.settle();
      expect([space.resources.size, space.made.size, space.pods.size]).toEqual([0, 0, 0]);
    }
  });
});
