import { CostModel } from './cost-model';
import { seeded } from './harness.fixture';

const step = (decodes: number, promptTokens: number, [base, each, token] = [8000, 500, 90]) => ({
  stage: 2,
  decodes,
  promptTokens,
  elapsedUs: (base as number) + (each as number) * decodes + (token as number) * promptTokens,
});

test('finds the costs of varied steps through noise', () => {
  const model = new CostModel();
  const random = seeded(1);
  for (let i = 0; i < 400; i++) {
    const exact = step(Math.floor(random() * 32), random() < 0.5 ? 0 : Math.floor(random() * 256));
    model.observe({ ...exact, elapsedUs: exact.elapsedUs * (0.95 + 0.1 * random()) });
  }
  const cost = model.cost(2);
  expect(cost?.decodeBaseUs).toBeGreaterThan(6000);
  expect(cost?.decodeBaseUs).toBeLessThan(10_000);
  expect(cost?.decodePerSequenceUs).toBeGreaterThan(400);
  expect(cost?.decodePerSequenceUs).toBeLessThan(600);
  expect(cost?.prefillUsPerToken).toBeGreaterThan(80);
  expect(cost?.prefillUsPerToken).toBeLessThan(100);
});

test('follows a change', () => {
  const model = new CostModel();
  for (let i = 0; i < 200; i++) model.observe(step(i % 8, i % 3 === 0 ? 64 : 0));
  for (let i = 0; i < 300; i++) model.observe(step(i % 8, i % 3 === 0 ? 64 : 0, [4000, 250, 45]));
  expect(model.cost(2)?.decodeBaseUs).toBeCloseTo(4000, -2);
  expect(model.cost(2)?.prefillUsPerToken).toBeCloseTo(45, 0);
});

test('keeps what recent steps do not show', () => {
  const model = new CostModel();
  for (let i = 0; i < 200; i++) model.observe(step(i % 8, i % 3 === 0 ? 64 : 0));
  for (let i = 0; i < 1000; i++) model.observe(step(1, 0));
  expect(model.cost(2)?.decodePerSequenceUs).toBeCloseTo(500, -2);
  expect(model.cost(2)?.prefillUsPerToken).toBeCloseTo(90, -1);
});

test('is never negative, and knows only what it has seen', () => {
  const model = new CostModel();
  for (let i = 0; i < 50; i++)
    model.observe({ stage: 0, decodes: i % 8, promptTokens: 0, elapsedUs: 5000 - 100 * (i % 8) });
  const cost = model.cost(0);
  expect(cost?.decodePerSequenceUs).toBe(0);
  expect(cost?.decodeBaseUs).toBeGreaterThan(4000);
  expect(model.costs().map(({ stage }) => stage)).toEqual([0]);
  expect(model.cost(1)).toBeUndefined();
});
