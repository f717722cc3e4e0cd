import { Traffic } from './traffic';

test('a few requests tell what a model’s requests are like, and many let one change little', () => {
  const traffic = new Traffic();
  const ask = (tokens: number, answer: number) => {
    traffic.prompted(tokens * 3, tokens, 10);
    traffic.answered(answer);
  };
  expect([traffic.meanPromptTokens, traffic.meanAnswerTokens]).toEqual([128, 128]);
  for (let i = 0; i < 7; i++) ask(58, 40);
  // Seven and the guess: (7 × 48 + 128) / 8, without the 10 tokens that were in the cache.
  expect(traffic.meanPromptTokens).toBeCloseTo(58);
  expect(traffic.meanAnswerTokens).toBeCloseTo(51);
  const prompt = { $case: 'text' as const, value: 'x'.repeat(290) };
  // (7 × 3 + 4) / 8 bytes a token.
  expect(traffic.estimate(prompt)).toBe(Math.ceil(290 / 3.125));
  for (let i = 0; i < 200; i++) ask(58, 40);
  expect(traffic.meanAnswerTokens).toBeCloseTo(40, 1);
  ask(58, 1040);
  expect(traffic.meanAnswerTokens).toBeCloseTo(90, 0);
});
