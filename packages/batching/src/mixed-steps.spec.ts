import { CostModel } from './cost-model';
import { MixedSteps, type StageWork } from './mixed-steps';

const COSTS = [
  { stage: 1, decodeBaseUs: 7000, decodePerSequenceUs: 400, prefillUsPerToken: 60 },
  { stage: 4, decodeBaseUs: 9000, decodePerSequenceUs: 600, prefillUsPerToken: 80 },
];
const costOf = (stage: number) => COSTS.find((cost) => cost.stage === stage);
const alone = ({ stage, decodes, promptTokens }: StageWork) => {
  const cost = costOf(stage);
  if (!cost) throw new Error('unknown');
  return cost.decodeBaseUs + cost.decodePerSequenceUs * decodes + cost.prefillUsPerToken * promptTokens;
};
/** Three quarters of the lower stage's weights are those of the higher. */
const together = (high: StageWork, low: StageWork) => alone(high) + alone(low) - 0.75 * 7000;
const work = (i: number): [StageWork, StageWork] => [
  { stage: 4, decodes: 1 + (i % 3), promptTokens: 0 },
  { stage: 1, decodes: 1 + (i % 4), promptTokens: 16 * (i % 3) },
];

test('learns what a lower stage adds, and says what each would have taken alone', () => {
  const mixed = new MixedSteps();
  for (let i = 0; i < 200; i++) mixed.divide(work(i), together(...work(i)), costOf);
  expect(mixed.lowerBaseShare).toBeCloseTo(0.25, 2);
  const parts = mixed.divide(work(7), together(...work(7)), costOf);
  expect(parts.map(({ stage }) => stage)).toEqual([4, 1]);
  for (const [i, { elapsedUs }] of parts.entries()) {
    expect(elapsedUs / alone(work(7)[i] as StageWork)).toBeCloseTo(1, 2);
  }
});

test('a step that takes longer than known makes all its stages dearer', () => {
  const mixed = new MixedSteps();
  for (let i = 0; i < 20; i++) mixed.divide(work(i), together(...work(i)), costOf);
  const parts = mixed.divide(work(0), 1.2 * together(...work(0)), costOf);
  for (const [i, { elapsedUs }] of parts.entries()) {
    expect(elapsedUs / alone(work(0)[i] as StageWork)).toBeCloseTo(1.2, 2);
  }
});

test('says nothing where a stage is not known', () => {
  const low = { stage: 0, decodes: 1, promptTokens: 0 };
  expect(new MixedSteps().divide([work(0)[0], low], 1000, costOf)).toEqual([]);
});

test('keeps a cost model as it was, however long only mixed steps come', () => {
  const model = new CostModel();
  for (let i = 0; i < 60; i++) {
    for (const stage of [1, 4]) {
      const one = { stage, decodes: 1 + (i % 5), promptTokens: 32 * (i % 3) };
      model.observe({ ...one, elapsedUs: alone(one) });
    }
  }
  const mixed = new MixedSteps();
  for (let i = 0; i < 600; i++) {
    const parts = mixed.divide(work(i), together(...work(i)), (stage) => model.cost(stage));
    for (const part of parts) model.observe(part);
  }
  for (const stage of [1, 4]) {
    const one = { stage, decodes: 3, promptTokens: 0 };
    const cost = model.cost(stage);
    const predicted = (cost?.decodeBaseUs ?? 0) + 3 * (cost?.decodePerSequenceUs ?? 0);
    expect(predicted / alone(one)).toBeGreaterThan(0.9);
    expect(predicted / alone(one)).toBeLessThan(1.1);
  }
});
