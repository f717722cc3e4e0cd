import { DEFAULT_LIMITS, Scheduler, SimulatedBackend } from '@zen/batching';
import { measureStage } from './measure-stage';

const STAGE = 2;

afterEach(() => jest.useRealTimers());

function measuring() {
  const backend = new SimulatedBackend({ vocabSize: 1000, blocksTotal: 64, blockTokens: 16 });
  const limits = { ...DEFAULT_LIMITS, contextTokens: 1024 };
  const scheduler = new Scheduler(backend, limits, () => undefined);
  scheduler.setTopStage(STAGE);
  const work = (attached = () => true) => measureStage(STAGE, 1000, backend, scheduler, attached);
  return { backend, work, costs: () => scheduler.load(0).costs.map(({ stage }) => stage) };
}

test('a stage has a cost once it is measured whole, and none before the last step', async () => {
  const { work, costs } = measuring();
  const steps = work();
  while (!(await steps.next()).done) expect(costs()).toEqual([]);
  expect(costs()).toEqual([STAGE]);
});

test('one that a request ends says nothing, and holds nothing', async () => {
  const { backend, work, costs } = measuring();
  const steps = work();
  for (let i = 0; i < 8; i++) await steps.next();
  await steps.return();
  expect(costs()).toEqual([]);
  expect(backend.sequences).toBe(0);
});

test('one whose stage is dropped says nothing', async () => {
  const { work, costs } = measuring();
  let attached = true;
  const steps = work(() => attached);
  for (let i = 0; i < 8; i++) await steps.next();
  attached = false;
  while (!(await steps.next()).done);
  expect(costs()).toEqual([]);
});

test('what a stage costs more than another is told apart from what the machine has less to give', async () => {
  jest.useFakeTimers();
  const backend = new SimulatedBackend({ vocabSize: 1000, blocksTotal: 256, blockTokens: 16 });
  const scheduler = new Scheduler(backend, { ...DEFAULT_LIMITS, contextTokens: 1024 }, () => undefined);
  scheduler.setTopStage(STAGE);
  let slowness = 1;
  const step = backend.step.bind(backend);
  backend.step = async (items) => {
    const tokens = items.reduce((sum, item) => sum + item.tokens.length + (item.draft ? 5 : 0), 0);
    jest.advanceTimersByTime(slowness * (items[0]?.stage === STAGE ? 12 : 10) * (20 + tokens));
    return step(items);
  };
  const measure = async (stage: number) => {
    const steps = measureStage(stage, 1000, backend, scheduler, () => true);
    while (!(await steps.next()).done);
  };
  await measure(1);
  slowness = 3;
  await measure(STAGE);
  const [lower, higher] = scheduler.load(0).costs;
  const stepUs = (cost: typeof lower) => (cost?.decodeBaseUs ?? 0) + (cost?.decodePerSequenceUs ?? 0);
  // Truly 1.2; measured alone it seems 3.6, of which 2.25 is believed.
  expect(stepUs(higher) / stepUs(lower)).toBeGreaterThan(1.1);
  expect(stepUs(higher) / stepUs(lower)).toBeLessThan(1.4);
  expect((higher?.prefillUsPerToken ?? 0) / (lower?.prefillUsPerToken ?? 1)).toBeLessThan(1.4);
});
