import { alone, greedy, Harness, request, seeded } from './harness.fixture';

const sampling = { ...greedy, temperature: 1, seed: 5n };

describe('an answer that goes on after tokens of an earlier request', () => {
  test.each([
    ['greedy', greedy],
    ['sampled', sampling],
  ])('%s: gives the rest, wherever it was cut, and counts the whole', async (_, how) => {
    const random = seeded(3);
    const whole = request(37, 60, { sampling: how });
    const tokens = await alone(whole);
    for (let round = 0; round < 20; round++) {
      const cut = Math.floor(random() * 59) + 1;
      const harness = new Harness({ speculation: 'prompt-lookup', stepTokens: 64 });
      const rest = harness.submit({ ...whole, sampled: tokens.slice(0, cut) });
      const neighbour = harness.submit(request(20, 30));
      await harness.drain();
      expect(rest.tokens).toEqual(tokens.slice(cut));
      expect(rest.finished).toMatchObject({ reason: 'length', completionTokens: 60, promptTokens: 37 });
      expect(neighbour.tokens).toEqual(await alone(neighbour.request));
      expect(harness.backend.sequences).toBe(0);
    }
  });

  test('what the cache has of the tokens is not counted as prompt', async () => {
    const harness = new Harness();
    const whole = harness.submit(request(20, 40));
    await harness.drain();
    const rest = harness.submit({ ...whole.request, sampled: whole.tokens.slice(0, 39) });
    await harness.drain();
    expect(rest.tokens).toEqual(whole.tokens.slice(39));
    expect(rest.started?.cachedTokens).toBe(20);
  });

  test('as many as it may have at all are too many', () => {
    const harness = new Harness();
    const full = { ...request(4, 3), sampled: [1, 2, 3] };
    expect(() => harness.submit(full)).toThrow('sampled: 3 tokens, limit 2');
  });
});
