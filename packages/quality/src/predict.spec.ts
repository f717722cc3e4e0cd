import { predict, pressure } from './predict';
import { load, QUIET } from './replicas.fixture';

describe('predict', () => {
  // Stage 4 of the fixture: step = 10 ms + 1 ms per sequence, prefill 0.1 ms per token.
  const table = [
    { name: 'idle', load: load(), ttftMs: 21, tpotMs: 11, queueMs: 0 },
    { name: '7 running', load: load({ running: 7 }), ttftMs: 28, tpotMs: 18, queueMs: 0 },
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
      ttftMs: 2 * (50 / 8) * 18 + 10 + 18,
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

  test('later: those present have ended in proportion, and the arrivals until then are there', () => {
    const slots = { maxRunning: 1000 };
    // An answer takes 50 steps of 15 ms: a third of the 4 has ended after 250 ms.
    const fewer = predict(load({ running: 4, ...slots }), 4, QUIET, 250);
    expect(fewer?.tpotMs).toBeCloseTo(10 + 4 * (2 / 3) + 1);
    const more = predict(load(slots), 4, { ...QUIET, arrivalsPerSecond: 20 }, 2000);
    // 40 have come, and their 4,000 prompt tokens were computed meanwhile.
    expect(more?.tpotMs).toBeCloseTo((10 + 41) / 0.8);
    expect(more?.queueMs).toBe(0);
    const flooded = predict(load(slots), 4, { ...QUIET, arrivalsPerSecond: 200 }, 2000);
    // 400 prompts of 10 ms, of which a second's worth was computed.
    expect(flooded?.queueMs).toBeCloseTo(3000);
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
