import { DEFAULT_LIMITS, Scheduler, SimulatedBackend } from '@zen/batching';
import { measureStage } from './measure-stage';

const STAGE = 2;

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
