import { alone, Harness, request } from './harness.fixture';

describe('a request whose prompt alone is computed', () => {
  test('gives no token, and what begins as it does finds it in the cache', async () => {
    const harness = new Harness();
    const whole = request(70, 5);
    const { prompt } = whole;
    if (prompt.kind !== 'tokens') throw new Error('a prompt of tokens');
    const begin = { ...whole, prompt: { ...prompt, tokens: prompt.tokens.slice(0, 64) }, prefillOnly: true };
    const ahead = harness.submit(begin);
    await harness.drain();
    expect(ahead.tokens).toEqual([]);
    expect(ahead.finished).toMatchObject({ promptTokens: 64, completionTokens: 0 });
    const answer = harness.submit(whole);
    await harness.drain();
    expect(answer.started?.cachedTokens).toBeGreaterThanOrEqual(48);
    expect(answer.tokens).toEqual(await alone(whole));
    expect(harness.backend.sequences).toBe(0);
  });
});
