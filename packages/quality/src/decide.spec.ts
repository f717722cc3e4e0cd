import { type Decision, decide, type RungWish } from './decide';
import type { Replica } from './load';
import type { RungOutlook } from './outlook';
import { alone, EXACT, family, QUIET, replica, UNCORRECTED, wish } from './replicas.fixture';
import type { RungGroup } from './rung';
import { RungController } from './rung-controller';

// Stage 4 takes 18 ms per step with 7 running, stage 3 11.5 ms, stages 1 and 0 about 4.5 ms.
const busy = { running: 7 };
const hopeless = { ttftMs: 1, tpotMs: 1 };
const admission = { maxQueueMs: 10_000 };

function ask(
  group: RungGroup,
  changes: Partial<RungWish> = {},
  { controller = new RungController(EXACT), demand = QUIET, nowMs = 0 } = {},
): Decision {
  return decide(group, wish(changes), { controller, corrections: UNCORRECTED, demand, admission, nowMs });
}

describe('decide, one model', () => {
  const table: { name: string; replicas: Replica[]; wish?: Partial<RungWish>; want: Partial<Decision> }[] = [
    { name: 'idle: the top', replicas: [replica()], want: { stage: 4, reason: 'full' } },
    { name: 'load lowers by one rung', replicas: [replica(busy)], want: { stage: 3, reason: 'load' } },
    {
      name: 'load lowers by two rungs at once',
      replicas: [replica(busy)],
      wish: { objective: { ttftMs: 1000, tpotMs: 10 } },
      want: { stage: 1, reason: 'load' },
    },
    {
      name: 'nothing meets the objective: the one that misses it least, and stage 0 is no rung',
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
      name: 'full means the top',
      replicas: [replica(busy)],
      wish: { objective: hopeless, full: true },
      want: { stage: 4 },
    },
    {
      name: 'full while the top is not attached',
      replicas: [replica({}, { attachedTo: 3 })],
      wish: { full: true },
      want: { kind: 'not-attached', wanted: 4, highest: 3 },
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
    expect(ask(alone(replicas), wish)).toMatchObject(want);
  });

  const structured: [name: string, json: (stage: number) => number | null, stage: number][] = [
    ['near the source from stage 1 on', (stage) => [0.4, 0.96, 0, 0.98, 0.99][stage] ?? null, 1],
    ['near the source from stage 3 on', (stage) => [0.4, 0.8, 0, 0.98, 0.99][stage] ?? null, 3],
    ['good by chance below a bad stage', (stage) => [0.4, 0.99, 0, 0.6, 0.99][stage] ?? null, 4],
    ['never measured', () => null, 4],
  ];
  test.each(structured)('JSON %s: the floor is stage %3$d', (_, json, stage) => {
    const group = alone([replica(busy, { json })]);
    expect(ask(group, { objective: hopeless, structured: true })).toMatchObject({ stage });
    expect(ask(group, { objective: hopeless })).toMatchObject({ stage: 1, reason: 'load' });
  });

  // 40 answers ahead of a slot, of 500 steps each, 8 at a time.
  const flooded = { running: 8, waiting: 39 };
  const long = { ...QUIET, meanAnswerTokens: 500 };

  test('refuses only where every rung allowed would keep it waiting, with the time until it would fit', () => {
    const group = alone([replica(flooded)]);
    // 40 × 500 / 8 steps of 4.538 ms at stage 1 are 11.3 s of queue.
    expect(ask(group, {}, { demand: long })).toMatchObject({ kind: 'queue-full', stage: 1, retryAfterS: 2 });
    // 45 s at stage 4.
    const floored = ask(group, { minStage: 4 }, { demand: long });
    expect(floored).toMatchObject({ kind: 'queue-full', stage: 4, retryAfterS: 35 });
  });

  test('while the dwell keeps it from falling, a request that would fit lower is served, not refused', () => {
    const controller = new RungController(EXACT);
    const at = (running: object, nowMs: number) =>
      ask(alone([replica(running)]), {}, { controller, demand: long, nowMs });
    expect(at(busy, 0)).toMatchObject({ kind: 'serve', stage: 3 });
    // 10.1 s at stage 1, 25 s at stage 3.
    expect(at({ running: 8, waiting: 34 }, 1000)).toMatchObject({ kind: 'serve', stage: 3 });
    expect(at({ running: 8, waiting: 34 }, 2000)).toMatchObject({ kind: 'serve', stage: 1 });
  });

  test('explains itself', () => {
    expect(ask(alone([replica(busy)]))).toMatchObject({
      objective: { tpotMs: 15 },
      rungs: [
        { stage: 0, rung: false, replica: 'a' },
        { stage: 1, rung: true },
        { stage: 3, rung: true, prediction: { tpotMs: 11.5 } },
        { stage: 4, rung: true, prediction: { tpotMs: 18 } },
      ],
    });
  });
});

describe('decide, a family', () => {
  const names = (rungs: RungOutlook[]) => rungs.map(({ model, stage }) => `${model}@${stage}`);
  const rungsOf = (group: RungGroup) => {
    const decision = ask(group);
    return decision.kind === 'serve' ? names(decision.rungs) : [];
  };

  test('rungs of all members stand in the order of their worth', () => {
    // small: 0.8 × 0.6, 0.7, 0.9, 1.
    expect(rungsOf(family({}, {}))).toEqual([
      'small@0',
      'small@1',
      'big@0',
      'big@1',
      'small@3',
      'small@4',
      'big@3',
      'big@4',
    ]);
  });

  test('without a measured weight every stage of an earlier member is better', () => {
    expect(rungsOf(family({}, {}, { weight: null })).slice(3, 5)).toEqual(['small@4', 'big@0']);
  });

  test('load on one member moves requests to the other', () => {
    expect(ask(family({}, {}))).toMatchObject({ model: 'big', stage: 4, reason: 'full' });
    // big 18 ms at stage 4 and 11.5 at stage 3; small 2.75 ms at stage 4.
    const tight = { objective: { ttftMs: 1000, tpotMs: 10 } };
    expect(ask(family(busy, {}), tight)).toMatchObject({ model: 'small', stage: 4, reason: 'load' });
  });

  test('a member that is as slow now is no rung', () => {
    const decision = ask(family({ running: 1 }, { running: 200, maxRunning: 256 }));
    const slow = decision.kind === 'serve' ? decision.rungs.filter(({ model }) => model === 'small') : [];
    expect(slow.map(({ rung }) => rung)).toEqual([false, false, false, false]);
    // Nor is it taken when nothing meets the objective.
    expect(
      ask(family({ running: 1 }, { running: 200, maxRunning: 256 }), { objective: hopeless }),
    ).toMatchObject({
      model: 'big',
    });
  });

  test('on one host an empty member is not risen to while more runs below than it could bear', () => {
    // big 11 ms idle and 18 beside seven; what runs at small would slow it down only if they share a host.
    const tight = { objective: { ttftMs: 1000, tpotMs: 12 } };
    const after = (host: string | null) => {
      const controller = new RungController(EXACT);
      ask(family(busy, {}, { host }), tight, { controller });
      return ask(family({}, { running: 20, maxRunning: 64 }, { host }), tight, { controller, nowMs: 5000 });
    };
    expect(after('node')).toMatchObject({ model: 'small', reason: 'load' });
    expect(after(null)).toMatchObject({ model: 'big', stage: 4 });
  });

  test('what loses more quality than its neighbours for the work it saves is no rung', () => {
    const decision = ask(family({}, {}));
    const rungs = decision.kind === 'serve' ? decision.rungs.filter(({ rung }) => rung) : [];
    // Idle, big takes 560 ms at stage 4 and 408 at stage 3 (0.9), small 140 at stage 4 (0.8): half the answers of
    // big@4 and half of small@4 are worth 0.9 on the mean and take 350.
    expect(names(rungs)).toEqual(['small@1', 'small@3', 'small@4', 'big@4']);
  });

  test('full is the best member’s top, and nothing else', () => {
    expect(ask(family(busy, {}), { full: true, objective: hopeless })).toMatchObject({
      model: 'big',
      stage: 4,
    });
    const { members, replicas } = family({}, {});
    const small = replicas.filter(({ model }) => model === 'small');
    const group = { key: 'f', members, replicas: small };
    expect(ask(group)).toMatchObject({ model: 'small', stage: 4, reason: 'attached' });
    expect(ask(group, { full: true })).toMatchObject({ kind: 'not-attached' });
  });

  test('a pin is answered by the best member', () => {
    expect(ask(family(busy, {}), { pin: 3 })).toMatchObject({ model: 'big', stage: 3, reason: 'pinned' });
  });
});
