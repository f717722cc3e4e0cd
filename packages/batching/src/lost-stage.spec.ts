import { alone, greedy, Harness, request } from './harness.fixture';

const steps = async (harness: Harness, count: number) => {
  for (let i = 0; i < count; i++) await harness.step();
};
/** Stages of the items of every step from now on. */
const stagesOf = (harness: Harness) => {
  const seen: number[] = [];
  harness.onPlan = ({ items }) => seen.push(...items.map(({ stage }) => stage));
  return seen;
};

describe('a stage that comes', () => {
  test('is followed at the next step, unless the request says never', async () => {
    const harness = new Harness();
    harness.scheduler.setTopStage(1);
    const follows = harness.submit(request(20, 8));
    const stays = harness.submit(request(24, 8, { upgrade: 'never' }));
    await steps(harness, 3);
    harness.scheduler.setTopStage(3);
    const seen = stagesOf(harness);
    await harness.step();
    expect(seen.sort()).toEqual([1, 3]);
    await harness.drain();
    for (const one of [follows, stays]) expect(one.tokens).toEqual(await alone(one.request));
  });
});

describe('a stage that is lost', () => {
  test('takes the result of the running step and all KV of its sequences with it', async () => {
    const harness = new Harness();
    harness.scheduler.setTopStage(3);
    const high = harness.submit(request(40, 10));
    const low = harness.submit(request(30, 10, { stage: 1 }));
    await steps(harness, 4);
    const [highBefore, lowBefore] = [high.tokens.length, low.tokens.length];
    const plan = harness.scheduler.plan(harness.nowUs);
    if (!plan) throw new Error('no plan');
    const outputs = await harness.backend.step(plan.items);
    harness.backend.purge(3);
    harness.scheduler.dropStage(3, 2);
    harness.scheduler.complete(plan, outputs, 1000, harness.nowUs);
    await new Promise(setImmediate);
    expect(high.tokens).toHaveLength(highBefore);
    expect(low.tokens).toHaveLength(lowBefore + 1);
    const seen: { stage: number; tokens: number }[] = [];
    harness.onPlan = ({ items }) =>
      seen.push(...items.map(({ stage, tokens }) => ({ stage, tokens: tokens.length })));
    await harness.step();
    // The whole sequence again, with the stage below.
    expect(seen).toEqual(
      expect.arrayContaining([
        { stage: 2, tokens: 40 + highBefore },
        { stage: 1, tokens: 1 },
      ]),
    );
    await harness.drain();
    for (const one of [high, low]) expect(one.tokens).toEqual(await alone(one.request));
    expect(harness.backend.sequences).toBe(0);
  });

  test('what was sampled before still counts: stop texts across the border', async () => {
    const model = {
      next: (_: unknown, __: unknown, count: number) => 65 + count,
      bytesOf: (t: number) => Uint8Array.of(t),
    };
    const harness = new Harness({}, model);
    harness.scheduler.setTopStage(2);
    const one = harness.submit(request(8, 50, { sampling: { ...greedy, stop: ['CDEF'] } }));
    await steps(harness, 4);
    expect(one.tokens).toHaveLength(4);
    harness.scheduler.dropStage(2, 1);
    await harness.drain();
    expect(String.fromCharCode(...one.tokens)).toBe('ABCDEF');
    expect(one.finished?.reason).toBe('stopText');
  });

  test('takes back tokens that nobody has taken yet, also from one that waits for its reader', async () => {
    const harness = new Harness({ maxUnread: 6 });
    harness.scheduler.setTopStage(1);
    const what = request(20, 40);
    const slow = harness.submit(what, false);
    await steps(harness, 3);
    const taken = (await slow.generation.next())?.flatMap((event) =>
      event.type === 'token' ? [event.token] : [],
    );
    harness.scheduler.setTopStage(2);
    await steps(harness, 12);
    expect(harness.scheduler.load().parked).toBe(1);
    harness.scheduler.dropStage(2, 1);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const events of slow.generation) {
        for (const event of events) {
          if (event.type !== 'token') continue;
          expect(event.stage).toBe(1);
          seen.push(event.token);
        }
      }
    })();
    await harness.drain();
    await reading;
    expect([...(taken ?? []), ...seen]).toEqual(await alone(what));
  });

  test('ends those that need it, by name, wherever they are', async () => {
    const harness = new Harness({ maxRunning: 3 });
    harness.scheduler.setTopStage(4);
    const pinned = harness.submit(request(20, 30, { stage: 3 }));
    const floored = harness.submit(request(21, 30, { minStage: 3 }));
    const below = harness.submit(request(22, 30, { stage: 2 }));
    const waiting = harness.submit(request(23, 30, { stage: 4 }));
    const free = harness.submit(request(25, 30));
    await steps(harness, 3);
    harness.scheduler.dropStage(3, 2);
    await harness.drain();
    for (const [one, name] of [
      [pinned, 'stage: 3 was lost'],
      [floored, 'stage: 3 and above was lost'],
      [waiting, 'stage: 4 was lost'],
    ] as const) {
      expect(one.error).toMatchObject({ failure: 'stage-lost', message: expect.stringContaining(name) });
    }
    expect([below, free].map(({ tokens }) => tokens.length)).toEqual([30, 30]);
  });

  test('ends everyone who names none where no stage may answer', async () => {
    const harness = new Harness();
    harness.scheduler.setTopStage(2);
    const one = harness.submit(request(20, 30));
    await steps(harness, 3);
    harness.scheduler.dropStage(0, null);
    await harness.drain();
    expect(one.error).toMatchObject({ failure: 'stage-lost' });
    expect(harness.backend.sequences).toBe(0);
  });

  test('does not come back for an answer that never rises', async () => {
    const harness = new Harness();
    harness.scheduler.setTopStage(3);
    harness.submit(request(20, 30, { upgrade: 'never' }));
    await steps(harness, 3);
    harness.scheduler.dropStage(2, 1);
    await steps(harness, 2);
    harness.scheduler.setTopStage(3);
    const seen = stagesOf(harness);
    await harness.drain();
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  test('a failed step of the lost stage is not the end of its sequences', async () => {
    const harness = new Harness();
    harness.scheduler.setTopStage(1);
    const one = harness.submit(request(20, 6));
    await steps(harness, 2);
    const plan = harness.scheduler.plan(harness.nowUs);
    if (!plan) throw new Error('no plan');
    harness.scheduler.dropStage(1, 0);
    harness.scheduler.fail(plan, new Error('the stage is gone'));
    await harness.drain();
    expect(one.tokens).toEqual(await alone(one.request));
  });
});
