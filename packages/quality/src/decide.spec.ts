import { type Decision, decide, type StageWish } from './decide';
import type { Replica } from './load';
import { replica } from './replicas.fixture';
import { StageController } from './stage-controller';

const size = { promptTokens: 100, meanAnswerTokens: 50 };
const policy = { maxQueueMs: 10_000 };
const objective = { ttftMs: 1000, tpotMs: 15 };
// Stage 4 takes 18 ms per step with 7 running, stage 3 11.5 ms, stages 1 and 0 about 4.5 ms.
const busy = { running: 7 };

function once(replicas: Replica[], wish: Partial<StageWish> = {}): Decision {
  const group = { key: 'm', replicas };
  return decide(new StageController(), group, { minStage: 0, objective, ...wish }, size, policy, 0);
}

describe('decide', () => {
  const tight = { ttftMs: 1000, tpotMs: 10 };
  const hopeless = { ttftMs: 1, tpotMs: 1 };
  const table: { name: string; replicas: Replica[]; wish?: Partial<StageWish>; want: Partial<Decision> }[] = [
    { name: 'idle: the top', replicas: [replica()], want: { stage: 4, reason: 'full' } },
    { name: 'load lowers by one rung', replicas: [replica(busy)], want: { stage: 3, reason: 'load' } },
    {
      name: 'load lowers by two rungs at once',
      replicas: [replica(busy)],
      wish: { objective: tight },
      want: { stage: 1, reason: 'load' },
    },
    {
      name: 'nothing meets the objective: the lowest rung, and stage 0 is not one',
      replicas: [replica(busy)],
      wish: { objective: hopeless },
      want: { stage: 1, reason: 'load' },
    },
    {
      name: 'a floor holds',
      replicas: [replica(busy)],
      wish: { objective: hopeless, minStage: 3 },
      want: { stage: 3, reason: 'floor' },
    },
    {
      name: 'a floor between stages takes the next one',
      replicas: [replica(busy)],
      wish: { objective: hopeless, minStage: 2 },
      want: { stage: 3, reason: 'floor' },
    },
    {
      name: 'the manifest’s floor holds',
      replicas: [replica(busy, { minServable: 3 })],
      wish: { objective: hopeless },
      want: { stage: 3, reason: 'load' },
    },
    {
      name: 'a pin goes below every floor',
      replicas: [replica(busy, { minServable: 3 })],
      wish: { pin: 0, minStage: 3 },
      want: { stage: 0, reason: 'pinned' },
    },
    {
      name: 'the highest attached so far',
      replicas: [replica({}, { attachedTo: 3 })],
      want: { stage: 3, reason: 'attached' },
    },
    {
      name: 'a floor that is not attached yet',
      replicas: [replica({}, { attachedTo: 3 })],
      wish: { minStage: 4 },
      want: { kind: 'not-attached', wanted: 4, highest: 3 },
    },
    {
      name: 'a pin that is not attached yet',
      replicas: [replica({}, { attachedTo: 1 })],
      wish: { pin: 4 },
      want: { kind: 'not-attached', wanted: 4, highest: 1 },
    },
    {
      name: 'a pin that the ladder lacks',
      replicas: [replica()],
      wish: { pin: 2 },
      want: { kind: 'unknown-stage', wanted: 2, known: [0, 1, 3, 4] },
    },
    {
      name: 'a floor above the ladder',
      replicas: [replica()],
      wish: { minStage: 5 },
      want: { kind: 'unknown-stage', wanted: 5 },
    },
    { name: 'no replica', replicas: [], want: { kind: 'not-attached', highest: null } },
    {
      name: 'an idle neighbour keeps the top',
      replicas: [replica(busy), replica({}, { id: 'b' })],
      want: { stage: 4, reason: 'full' },
    },
    {
      name: 'no cost measured yet: the top',
      replicas: [replica({ ...busy, costs: [] })],
      want: { stage: 4, reason: 'full' },
    },
  ];
  test.each(table)('$name', ({ replicas, wish, want }) => {
    expect(once(replicas, wish)).toMatchObject(want);
  });

  // 40 answers ahead of a slot, of 500 steps each, 8 at a time.
  const flooded = { running: 8, waiting: 39 };
  const long = { promptTokens: 100, meanAnswerTokens: 500 };

  test('refuses only at the lowest stage allowed, with the time until it would fit', () => {
    const group = { key: 'm', replicas: [replica(flooded)] };
    const controller = new StageController();
    const wish = { minStage: 0, objective };
    const refused = decide(controller, group, wish, long, policy, 0);
    // 40 × 500 / 8 steps of 4.538 ms at stage 1 are 11.3 s of queue.
    expect(refused).toMatchObject({ kind: 'queue-full', stage: 1, retryAfterS: 2 });
    expect(decide(controller, group, { ...wish, minStage: 4 }, long, policy, 1)).toMatchObject({
      kind: 'queue-full',
      stage: 4,
      // 45 s at stage 4.
      retryAfterS: 35,
    });
  });

  test('while the dwell keeps it from falling, a request is served instead of refused', () => {
    const controller = new StageController();
    const wish = { minStage: 0, objective };
    const at = (load: Parameters<typeof replica>[0], nowMs: number) =>
      decide(controller, { key: 'm', replicas: [replica(load)] }, wish, long, policy, nowMs);
    expect(at(busy, 0)).toMatchObject({ kind: 'serve', stage: 3 });
    expect(at(flooded, 1000)).toMatchObject({ kind: 'serve', stage: 3 });
    expect(at(flooded, 2000)).toMatchObject({ kind: 'queue-full', stage: 1 });
  });

  test('explains itself', () => {
    const decision = once([replica(busy)]);
    expect(decision).toMatchObject({
      objective,
      stages: [
        { stage: 0, rung: false, replica: 'a' },
        { stage: 1, rung: true },
        { stage: 3, rung: true, prediction: { tpotMs: 11.5 } },
        { stage: 4, rung: true, prediction: { tpotMs: 18 } },
      ],
    });
  });
});
