import { predict, pressure } from './predict';
import { load } from './replicas.fixture';

const size = { promptTokens: 100, meanAnswerTokens: 50 };

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
    const prediction = predict(load, 4, size);
    expect(prediction?.ttftMs).toBeCloseTo(ttftMs);
    expect(prediction?.tpotMs).toBeCloseTo(tpotMs);
    expect(prediction?.queueMs).toBeCloseTo(queueMs);
  });

  test('a stage without a measured cost has no prediction', () => {
    expect(predict(load(), 2, size)).toBeUndefined();
  });

  test('pressure is the worse of the two shares of the objective', () => {
    const objective = { ttftMs: 100, tpotMs: 10 };
    expect(pressure({ ttftMs: 50, tpotMs: 8, queueMs: 0 }, objective)).toBe(0.8);
    expect(pressure({ ttftMs: 150, tpotMs: 8, queueMs: 0 }, objective)).toBe(1.5);
  });
});
