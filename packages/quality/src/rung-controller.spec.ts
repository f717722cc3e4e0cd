import { Corrections, MAX_CORRECTION, MIN_CORRECTION } from './corrections';
import { decide, type RungWish } from './decide';
import { alone, EXACT, family, QUIET, replica, UNCORRECTED, wish } from './replicas.fixture';
import type { RungGroup } from './rung';
import { DEFAULT_HYSTERESIS, RungController } from './rung-controller';

/** A small generator with a fixed seed, so that a failure can be repeated (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Served {
  model: string;
  stage: number;
  reason: string;
}

function serve(
  controller: RungController,
  group: RungGroup,
  nowMs: number,
  changes: Partial<RungWish> = {},
  arrivalsPerSecond = 0,
): Served {
  const decision = decide(group, wish(changes), {
    controller,
    corrections: UNCORRECTED,
    demand: { ...QUIET, arrivalsPerSecond },
    admission: { maxQueueMs: 1e9 },
    nowMs,
  });
  if (decision.kind !== 'serve') throw new Error(decision.kind);
  return decision;
}

const LOOSE = { ...EXACT, riseBelow: 0.8 };

const one = (running: number) => alone([replica({ running, maxRunning: 64 })]);

describe('RungController', () => {
  test('falls at once, then stays for the dwell, then rises with a margin', () => {
    const controller = new RungController(LOOSE);
    const steps: [nowMs: number, running: number, stage: number][] = [
      [0, 0, 4],
      [100, 60, 1],
      [200, 0, 1],
      [2099, 0, 1],
      [2100, 0, 4],
      [2200, 7, 4],
      [4100, 7, 3],
      [4200, 0, 3],
      [6200, 0, 4],
    ];
    for (const [nowMs, running, stage] of steps) {
      expect([nowMs, serve(controller, one(running), nowMs).stage]).toEqual([nowMs, stage]);
    }
    expect(controller.levelsOf('m')[0]?.changes).toMatchObject([
      { atMs: 100, from: { stage: 4 }, to: { stage: 1 }, why: 'pressure' },
      { atMs: 2100, from: { stage: 1 }, to: { stage: 4 }, why: 'room' },
      { atMs: 4100, to: { stage: 3 }, why: 'pressure' },
      { atMs: 6200, to: { stage: 4 }, why: 'room' },
    ]);
  });

  test('rises with a margin, and without one where nothing runs', () => {
    const controller = new RungController({ ...EXACT, riseBelow: 0.5 });
    serve(controller, one(60), 0);
    // Stage 4 takes 12 ms beside one and 11 alone, of 15.
    expect(serve(controller, one(1), 2000).stage).toBeLessThan(4);
    expect(serve(controller, one(0), 4000).stage).toBe(4);
  });

  test('whoever finds no room within the dwell takes another member, and the level stands', () => {
    const controller = new RungController(LOOSE);
    const at = (nowMs: number, running: number) =>
      serve(controller, family({ running, maxRunning: 64 }, {}, { host: 'node' }), nowMs);
    expect(at(0, 60)).toMatchObject({ model: 'small' });
    expect(at(2000, 0)).toMatchObject({ model: 'big', stage: 4 });
    // 18 ms beside seven, where 15 are wanted.
    expect(at(2100, 7)).toMatchObject({ model: 'small', stage: 4, reason: 'load' });
    expect(at(2200, 2)).toMatchObject({ model: 'big', stage: 4, reason: 'full' });
    expect(controller.levelsOf('f')[0]).toMatchObject({ cap: null, changedAtMs: 2000 });
    // A stage of the same model would share the batch, so it is no way out.
    const alone = new RungController(LOOSE);
    serve(alone, one(60), 0);
    serve(alone, one(0), 2000);
    expect(serve(alone, one(7), 2100)).toMatchObject({ stage: 4 });
  });

  test('leaves what has become no rung', () => {
    const controller = new RungController(LOOSE);
    const busyBig = family({ running: 40, maxRunning: 64 }, { maxRunning: 128 });
    expect(serve(controller, busyBig, 0)).toMatchObject({ model: 'small', stage: 4 });
    // Now its stage 4 is no quicker than the big one; of the rungs the best with room is its stage 1.
    const both = family({ running: 9, maxRunning: 64 }, { running: 100, maxRunning: 128 });
    serve(controller, both, 2000);
    expect(controller.levelsOf('f')[0]?.changes.at(-1)).toMatchObject({
      to: { model: 'small', stage: 1 },
      why: 'no-saving',
    });
  });

  test('classes with other objectives have levels of their own', () => {
    const controller = new RungController(LOOSE);
    const at = (tpotMs: number) => serve(controller, one(7), 0, { objective: { ttftMs: 1000, tpotMs } });
    expect(at(10)).toMatchObject({ stage: 1 });
    expect(at(100)).toMatchObject({ stage: 4, reason: 'full' });
  });

  test('a less important class is not above a more important one that load has lowered', () => {
    const lax = { objective: { ttftMs: 10_000, tpotMs: 1000 } };
    const controller = new RungController(LOOSE);
    expect(serve(controller, one(7), 0, { ...lax, priority: 1 })).toMatchObject({ stage: 4, reason: 'full' });
    expect(serve(controller, one(7), 0, { priority: 3 })).toMatchObject({ stage: 3, reason: 'load' });
    expect(serve(controller, one(7), 1, { ...lax, priority: 1 })).toMatchObject({
      stage: 3,
      reason: 'priority',
    });
    // Nor the other way round.
    expect(serve(controller, one(0), 2000, { priority: 3 })).toMatchObject({ stage: 4 });
    expect(serve(controller, one(0), 2001, { ...lax, priority: 1 })).toMatchObject({ stage: 4 });
    // A caller's own objective lowers nobody else, and a class that asks nothing any more neither.
    serve(controller, one(7), 5000, { priority: 3, standard: false, objective: { ttftMs: 9, tpotMs: 9 } });
    expect(serve(controller, one(7), 5001, { ...lax, priority: 1 })).toMatchObject({ stage: 4 });
    serve(controller, one(7), 6000, { priority: 3 });
    expect(serve(controller, one(7), 16_001, { ...lax, priority: 1 })).toMatchObject({ stage: 4 });
  });

  test('any load: never below a floor, at most one change per dwell', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      const controller = new RungController(LOOSE);
      let nowMs = 0;
      let changedAtMs = Number.NEGATIVE_INFINITY;
      let running = [0, 0];
      for (let i = 0; i < 200; i++) {
        nowMs += Math.floor(next() * 700);
        if (next() < 0.3) running = [Math.floor(next() * 64), Math.floor(next() * 64)];
        const load = (at: number) => ({ running: running[at] as number, maxRunning: 64 });
        const group = family(load(0), load(1), { host: next() < 0.5 ? 'node' : null });
        const minStage = Math.floor(next() * 5);
        const arrivals = next() < 0.5 ? 0 : next() * 20;
        const floored = serve(controller, group, nowMs, { minStage }, arrivals);
        expect(floored.stage).toBeGreaterThanOrEqual(minStage);
        serve(controller, group, nowMs, {}, arrivals);
        const [level] = controller.levelsOf('f');
        if (!level || level.changedAtMs === changedAtMs) continue;
        if (nowMs - changedAtMs < DEFAULT_HYSTERESIS.dwellMs) {
          throw new Error(`seed ${seed}: two changes, at ${changedAtMs} and ${nowMs} ms`);
        }
        changedAtMs = level.changedAtMs;
      }
    }
  });

  test.each([
    [{ ...EXACT, dwellMs: 1999 }, 'dwellMs'],
    [{ ...EXACT, dwellMs: Number.NaN }, 'dwellMs'],
    [{ ...EXACT, fallAbove: 1.1 }, 'fallAbove'],
    [{ ...EXACT, riseBelow: 0 }, 'riseBelow'],
    [{ ...EXACT, fallAbove: 0.7, riseBelow: 0.8 }, 'riseBelow'],
  ])('refuses the policy %j', (policy, field) => {
    expect(() => new RungController(policy)).toThrow(field);
  });
});

describe('Corrections', () => {
  const big = { model: 'big', stage: 4 };

  test('learn a lasting error within bounds, share it between stages, and forget it', () => {
    const corrections = new Corrections();
    for (let i = 0; i < 50; i++) corrections.observe(big, 'tpot', 10, 20, 0);
    expect(corrections.factor(big, 'tpot', 0)).toBeCloseTo(2, 1);
    expect(corrections.factor({ model: 'big', stage: 0 }, 'tpot', 0)).toBeCloseTo(2, 1);
    expect(corrections.factor({ model: 'small', stage: 4 }, 'tpot', 0)).toBe(1);
    expect(corrections.factor(big, 'ttft', 0)).toBe(1);
    expect(corrections.factor(big, 'tpot', 15_000)).toBeCloseTo(Math.SQRT2, 1);
    for (let i = 0; i < 50; i++) corrections.observe(big, 'tpot', 1, 1e9, 0);
    expect(corrections.factor(big, 'tpot', 0)).toBeLessThanOrEqual(MAX_CORRECTION);
    for (let i = 0; i < 50; i++) corrections.observe(big, 'tpot', 1e9, 1, 0);
    expect(corrections.factor(big, 'tpot', 0)).toBeGreaterThanOrEqual(MIN_CORRECTION);
  });

  test('keep what one stage alone does', () => {
    const corrections = new Corrections();
    for (let i = 0; i < 200; i++) {
      corrections.observe(big, 'tpot', 10, 10, 0);
      corrections.observe({ model: 'big', stage: 0 }, 'tpot', 10, 20, 0);
    }
    const low = corrections.factor({ model: 'big', stage: 0 }, 'tpot', 0);
    expect(low / corrections.factor(big, 'tpot', 0)).toBeGreaterThan(1.7);
  });
});
