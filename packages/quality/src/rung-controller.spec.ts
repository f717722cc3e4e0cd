import { decide } from './decide';
import { replica } from './replicas.fixture';
import { DEFAULT_HYSTERESIS, StageController } from './stage-controller';

const size = { promptTokens: 100, meanAnswerTokens: 50 };
const objective = { ttftMs: 1000, tpotMs: 15 };

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

describe('StageController', () => {
  function serve(controller: StageController, running: number, nowMs: number, minStage = 0): number {
    const group = { key: 'm', replicas: [replica({ running, maxRunning: 64 })] };
    const decision = decide(controller, group, { minStage, objective }, size, { maxQueueMs: 1e9 }, nowMs);
    if (decision.kind !== 'serve') throw new Error(decision.kind);
    return decision.stage;
  }

  test('falls at once, then stays for the dwell, then rises with a margin', () => {
    const controller = new StageController();
    const steps: [nowMs: number, running: number, stage: number][] = [
      [0, 0, 4],
      [100, 60, 1],
      [200, 0, 1],
      [2099, 0, 1],
      [2100, 0, 4],
      [2200, 7, 4],
      [4100, 7, 3],
      // Stage 4 would use 14 of 15 ms: below the objective, but not by the margin.
      [7000, 3, 3],
      // 12 ms is 0.8 of it.
      [7001, 1, 4],
    ];
    for (const [nowMs, running, stage] of steps) {
      expect([nowMs, serve(controller, running, nowMs)]).toEqual([nowMs, stage]);
    }
  });

  test('classes with other objectives have levels of their own', () => {
    const controller = new StageController();
    const group = { key: 'm', replicas: [replica({ running: 7 })] };
    const at = (tpotMs: number) =>
      decide(
        controller,
        group,
        { minStage: 0, objective: { ttftMs: 1000, tpotMs } },
        size,
        { maxQueueMs: 1e9 },
        0,
      );
    expect(at(10)).toMatchObject({ stage: 1 });
    expect(at(100)).toMatchObject({ stage: 4, reason: 'full' });
  });

  test('any load: never below a floor, at most one change per dwell', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed);
      const controller = new StageController();
      let nowMs = 0;
      let level: number | undefined;
      let changedAtMs = Number.NEGATIVE_INFINITY;
      let running = 0;
      for (let i = 0; i < 200; i++) {
        nowMs += Math.floor(next() * 700);
        if (next() < 0.3) running = Math.floor(next() * 64);
        const minStage = Math.floor(next() * 5);
        expect(serve(controller, running, nowMs, minStage)).toBeGreaterThanOrEqual(minStage);
        const stage = serve(controller, running, nowMs);
        if (level !== undefined && stage !== level) {
          if (nowMs - changedAtMs < DEFAULT_HYSTERESIS.dwellMs) {
            throw new Error(`seed ${seed}: two changes, at ${changedAtMs} and ${nowMs} ms`);
          }
        }
        if (stage !== (level ?? 4)) changedAtMs = nowMs;
        level = stage;
      }
    }
  });

  test.each([
    [{ dwellMs: 1999, riseBelow: 0.8 }, 'dwellMs'],
    [{ dwellMs: Number.NaN, riseBelow: 0.8 }, 'dwellMs'],
    [{ dwellMs: 2000, riseBelow: 0 }, 'riseBelow'],
    [{ dwellMs: 2000, riseBelow: 1.1 }, 'riseBelow'],
  ])('refuses the policy %j', (policy, field) => {
    expect(() => new StageController(policy)).toThrow(field);
  });
});
