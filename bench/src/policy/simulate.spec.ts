import { rungName } from '@zen/quality';
import { type Chooser, fixed, ours, threshold } from './chooser';
import { COSTS, MEMBERS } from './costs.fixture';
import { LOAD_SHAPES, type LoadShape, loadOf, seeded } from './load-shapes';
import { scoreOf } from './score';
import { simulate } from './simulate';

jest.setTimeout(120_000);

const OBJECTIVE = { ttftMs: 1500, tpotMs: 150 };
const CONTEXT = {
  members: MEMBERS,
  objective: OBJECTIVE,
  size: { promptTokens: 60, meanAnswerTokens: 40 },
  maxQueueMs: 30_000,
};
const SIZES = { promptTokens: [20, 140], answerTokens: [16, 88] } as const;

async function play(shape: LoadShape, chooser: Chooser, seed: number, seconds = 40) {
  const random = seeded(seed + 1);
  const arrivals = loadOf(shape, { ...SIZES, capacity: 1, seconds, seed });
  const noise = () => 1 + 0.15 * random();
  const served = await simulate({ ...CONTEXT, costs: COSTS, arrivals, chooser, noise });
  return { served, score: scoreOf(served, OBJECTIVE, chooser.changes()) };
}

describe('the policy over simulated thinkers', () => {
  for (const shape of LOAD_SHAPES) {
    test(`${shape}: at most one change per dwell, and every request is answered`, async () => {
      for (const seed of [1, 2, 3]) {
        const { served, score } = await play(shape, ours(CONTEXT), seed);
        expect(score.shortestDwellMs ?? 2000).toBeGreaterThanOrEqual(2000);
        expect(score.refused).toBe(0);
        expect(served.filter(({ ttftMs, tpotMs }) => ttftMs === null || tpotMs === null)).toEqual([]);
      }
    });
  }

  test('never below a floor, whatever comes', async () => {
    const low = await play('adversarial', ours(CONTEXT), 1);
    expect(low.served.some(({ rung }) => rung?.model === 'small')).toBe(true);
    const floored = await play('adversarial', ours(CONTEXT, 3), 1);
    expect(floored.served.filter(({ rung }) => (rung?.stage ?? 0) < 3)).toEqual([]);
  });

  test('recovers after the burst', async () => {
    const { served } = await play('burst', ours(CONTEXT), 1, 80);
    const burst = served.filter(({ atMs }) => atMs > 24_000 && atMs < 48_000);
    expect(burst.some(({ rung }) => rung?.model === 'small')).toBe(true);
    const after = served.filter(({ atMs }) => atMs > 65_000).flatMap(({ rung }) => rung ?? []);
    expect(after.map(rungName)).toContain('big@4');
  });

  test('a burst: a fifth of the violations of the fixed top rung, at more quality than a threshold', async () => {
    const zen = (await play('burst', ours(CONTEXT), 1, 90)).score;
    const top = (await play('burst', fixed('top', CONTEXT), 1, 90)).score;
    const naive = (await play('burst', threshold(2, CONTEXT), 1, 90)).score;
    expect(zen.violations).toBeLessThanOrEqual(top.violations / 5);
    expect(naive.violations).toBeGreaterThanOrEqual(zen.violations);
    expect(zen.quality).toBeGreaterThan(naive.quality);
  });

  test('the same seed is the same run', async () => {
    const [first, second] = [await play('burst', ours(CONTEXT), 4), await play('burst', ours(CONTEXT), 4)];
    expect(first.served).toEqual(second.served);
  });

  test('requests that wait too long at every rung are refused', async () => {
    const impatient = ours({ ...CONTEXT, maxQueueMs: 0 });
    expect((await play('adversarial', impatient, 1)).score.refused).toBeGreaterThan(0);
  });
});
