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

test('a slow neighbour slows every stage alike, and says nothing on the cost of a sequence', () => {
  const model = new CostModel();
  for (const stage of [2, 3])
    for (let i = 0; i < 40; i++) model.observe({ ...step(i % 8, i % 3 === 0 ? 64 : 0), stage });
  // Large batches when the machine is slow, small ones when it is not, many times over.
  for (let i = 0; i < 200; i++) {
    const slow = Math.floor(i / 20) % 2 === 0;
    const { elapsedUs, ...exact } = step(slow ? 4 : 1, 0);
    model.observe({ ...exact, elapsedUs: slow ? 2 * elapsedUs : elapsedUs });
  }
  // Truly 0.06; a fit that takes each step at its word finds 0.8.
  const cost = model.cost(2);
  expect((cost?.decodePerSequenceUs ?? 0) / (cost?.decodeBaseUs ?? 0)).toBeLessThan(0.4);
  for (let i = 0; i < 30; i++) model.observe({ ...step(4, 0, [16_000, 1000, 180]), stage: 2 });
  // Stage 3 has not run since, and is known to be as slow.
  expect((model.cost(3)?.decodeBaseUs ?? 0) / 8000).toBeGreaterThan(1.3);
});

test('a long prompt that comes a little late does not change the price of a decode', () => {
  const model = new CostModel();
  const costs: [number, number, number] = [25_000, 9000, 6300];
  // What a thinker measures of a new stage before anybody asks.
  for (const [decodes, promptTokens] of [
    [0, 48],
    [0, 48],
    [1, 0],
    [1, 0],
    [4, 0],
    [4, 0],
  ] as const)
    model.observe(step(decodes, promptTokens, costs));
  const before = model.cost(2);
  const late = step(0, 123, costs);
  model.observe({ ...late, elapsedUs: 1.07 * late.elapsedUs });
  const after = model.cost(2);
  expect((after?.decodeBaseUs ?? 0) / (before?.decodeBaseUs ?? 1)).toBeCloseTo(1, 1);
  expect((after?.decodePerSequenceUs ?? 0) / (before?.decodePerSequenceUs ?? 1)).toBeCloseTo(1, 1);
});

test('what one stage costs more than another holds while a neighbour comes and goes', () => {
  const model = new CostModel();
  const dear: [number, number, number] = [10_000, 625, 112.5];
  for (const decodes of [0, 0, 0, 1, 1, 1, 4, 4, 4]) {
    const promptTokens = decodes === 0 ? 48 : 0;
    model.observe(step(decodes, promptTokens));
    model.observe({ ...step(decodes, promptTokens, dear), stage: 3 });
  }
  // Stage 2 answers, each time for some steps, most of them beside a neighbour that comes while the batch grows.
  for (let burst = 0; burst < 6; burst++) {
    for (let i = 0; i < 12; i++) {
      const { elapsedUs, ...exact } = step(1 + (i % 8), i % 3 === 0 ? 32 : 0);
      model.observe({ ...exact, elapsedUs: (i > 1 ? 2 : 1) * elapsedUs }, burst * 20_000_000 + i * 50_000);
    }
  }
  const [one, other] = [model.cost(2), model.cost(3)].map((cost) => ({
    prompt: cost?.prefillUsPerToken ?? 0,
    decodes: (cost?.decodeBaseUs ?? 0) + 8 * (cost?.decodePerSequenceUs ?? 0),
  }));
  // Truly 1.25 both; a fit that trusts each step alike finds 0.6 for the decodes.
  for (const share of [other!.prompt / one!.prompt, other!.decodes / one!.decodes]) {
    expect(share).toBeGreaterThan(1);
    expect(share).toBeLessThan(1.5);
  }
});

test('few steps at a bad moment make no stage as dear, or as cheap, as none can be', () => {
  const model = new CostModel();
  for (let i = 0; i < 100; i++) model.observe(step(i % 8, i % 3 === 0 ? 64 : 0));
  const few = (stage: number, times: number) => {
    for (const [decodes, promptTokens] of [
      [0, 48],
      [1, 0],
      [4, 0],
    ] as const) {
      const { elapsedUs, ...work } = step(decodes, promptTokens);
      model.observe({ ...work, stage, elapsedUs: times * elapsedUs });
    }
  };
  few(3, 6);
  few(1, 4);
  const [below, known, above] = model.costs();
  const parts = (cost = known) => [
    (cost?.decodeBaseUs ?? 0) + (cost?.decodePerSequenceUs ?? 0),
    (cost?.decodeBaseUs ?? 0) + 8 * (cost?.decodePerSequenceUs ?? 0),
    cost?.prefillUsPerToken ?? 0,
  ];
  for (const [kind, usual] of parts().entries()) {
    expect((parts(above)[kind] ?? 0) / usual).toBeCloseTo(2.25, 5);
    expect((parts(below)[kind] ?? 0) / usual).toBeCloseTo(1 / 0.9, 5);
  }
});

test('how slow it was is forgotten while nothing runs', () => {
  const model = new CostModel();
  for (let i = 0; i < 40; i++) model.observe(step(i % 8, i % 3 === 0 ? 64 : 0), i * 10_000);
  for (let i = 0; i < 40; i++) model.observe(step(1, 0, [16_000, 1000, 180]), 400_000 + i * 20_000);
  const ended = model.cost(2)?.decodeBaseUs ?? 0;
  const quiet = model.cost(2, 61_200_000)?.decodeBaseUs ?? 0;
  expect(ended / 8000).toBeGreaterThan(1.7);
  expect(quiet / ended).toBeLessThan(0.75);
  // Looking forgets nothing.
  expect(model.cost(2)?.decodeBaseUs).toBe(ended);
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
