import { predict, pressure } from './predict';
import { load, QUIET } from './replicas.fixture';

describe('predict', () => {
  // Stage 4 of the fixture: step = 10 ms + 1 ms per sequence, prefill 0.1 ms per token.
  const table = [
    { name: 'idle', load: load(), ttftMs: 21, tpotMs: 11, queueMs: 0 },
    // Beside 7 answers of 17 ms a step of 100 ms has room for 830 prompt tokens: each takes 17/830 ms longer.
    { name: '7 running', load: load({ running: 7 }), ttftMs: 10 + 1700 / 830 + 18, tpotMs: 18, queueMs: 0 },
    {
      name: 'prompts ahead',
      load: load({ prefillTokensWaiting: 1000 }),
      ttftMs: 121,
      tpotMs: 11,
      queueMs: 100,
    },
    // Two answers must end first; one ends every 50 / 8 steps of 18 ms.
    {
      name: 'every slot taken',
      load: load({ running: 8, waiting: 1 }),
      ttftMs: 2 * (50 / 8) * 18 + 10 + 1700 / 830 + 18,
      tpotMs: 18,
      queueMs: 225,
    },
  ];
  test.each(table)('$name', ({ load, ttftMs, tpotMs, queueMs }) => {
    const prediction = predict(load, 4, QUIET);
    expect(prediction?.ttftMs).toBeCloseTo(ttftMs);
    expect(prediction?.tpotMs).toBeCloseTo(tpotMs);
    expect(prediction?.queueMs).toBeCloseTo(queueMs);
  });

  test('prompts that arrive take their share of the time for tokens', () => {
    // 20 prompts a second of 10 ms each: a fifth of the time.
    expect(predict(load(), 4, { ...QUIET, arrivalsPerSecond: 20 })?.tpotMs).toBeCloseTo(11 / 0.8);
    // More than there is time for: the prediction stays finite.
    expect(predict(load(), 4, { ...QUIET, arrivalsPerSecond: 1e6 })?.tpotMs).toBeCloseTo(11 / 0.2);
  });

  test('work is the prompt and a share of the steps of the batch', () => {
    // 10 ms of prompt and 50 tokens, alone at 11 ms and among eight at an eighth of 18 ms each.
    expect(predict(load(), 4, QUIET)?.workMs).toBeCloseTo(10 + 50 * 11);
    expect(predict(load({ running: 7 }), 4, QUIET)?.workMs).toBeCloseTo(10 + (50 * 18) / 8);
    // No more than the slots decode at once.
    expect(predict(load({ running: 30 }), 4, QUIET)?.workMs).toBeCloseTo(10 + (50 * 18) / 8);
  });

  test('a stage without a measured cost has no prediction', () => {
    expect(predict(load(), 2, QUIET)).toBeUndefined();
  });

  test('pressure is the worse of the two shares of the objective', () => {
    const objective = { ttftMs: 100, tpotMs: 10 };
    expect(pressure({ ttftMs: 50, tpotMs: 8 }, objective)).toBe(0.8);
    expect(pressure({ ttftMs: 150, tpotMs: 8 }, objective)).toBe(1.5);
  });
});
