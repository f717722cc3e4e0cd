import { alone, greedy, Harness, request } from '../harness.fixture';
import type { Limits } from '../request';
import type { SimulatedModel } from '../simulated-backend';

/** Repeats the prompt of `request(30, …)` from its beginning, which look-up guesses. */
const repeating: Partial<SimulatedModel> = {
  next: (history) => {
    const prompt = history.slice(0, 30);
    return prompt[(history.length - 30) % 30] as number;
  },
};
const harnessOf = (limits: Partial<Limits> = {}, model: Partial<SimulatedModel> = repeating) =>
  new Harness({ speculation: 'auto', ...limits }, model);
/** What it takes without drafts: a step for each token. */
const stepsFor = async (harness: Harness, tokens: number) => {
  const outcome = harness.submit(request(30, tokens));
  await harness.drain();
  expect(outcome.tokens).toEqual(await alone(outcome.request, repeating));
  expect(outcome.tokens).toHaveLength(tokens);
  return outcome;
};

test('a text that repeats itself takes a fraction of the steps, and the answer says what was drafted', async () => {
  const harness = harnessOf();
  const outcome = await stepsFor(harness, 100);
  expect(harness.steps).toBeLessThan(30);
  const { draftTokens = 0, acceptedDraftTokens = 0 } = outcome.finished ?? {};
  expect(acceptedDraftTokens).toBeGreaterThan(60);
  expect(draftTokens).toBeGreaterThanOrEqual(acceptedDraftTokens);
  const lookup = { drafted: draftTokens, accepted: acceptedDraftTokens };
  expect(harness.scheduler.load().drafts).toEqual({
    'prompt-lookup': lookup,
    stage: { drafted: 0, accepted: 0 },
  });
});

test('off is off', async () => {
  const harness = harnessOf({ speculation: 'off' });
  const outcome = await stepsFor(harness, 40);
  expect(harness.steps).toBe(40);
  expect(outcome.finished).toMatchObject({ draftTokens: 0, acceptedDraftTokens: 0 });
});

test('nothing is drafted where a row costs as much as a step', async () => {
  const harness = harnessOf();
  harness.stepUs = (rows) => 1000 * rows;
  const outcome = await stepsFor(harness, 200);
  // It takes one try to learn what rows cost.
  expect(outcome.finished?.draftTokens).toBeLessThan(64);
  expect(harness.steps).toBeGreaterThan(130);
});

test('a text that never repeats itself costs no drafts', async () => {
  const harness = harnessOf({}, {});
  const outcome = harness.submit(request(30, 200));
  await harness.drain();
  expect(outcome.tokens).toHaveLength(200);
  expect(outcome.finished?.draftTokens).toBeLessThan(20);
});

test('guesses that fail are given up, and taken up again when they would come out', async () => {
  // Ten tokens, over and over, the last of which is another each time; later it is always the same.
  const next: SimulatedModel['next'] = (history, _, count) =>
    count % 2 === 0 ? 7 : count < 150 ? 100 + ((count * 37) % 400) : history.length % 2;
  const harness = harnessOf({}, { next });
  const drafted: boolean[] = [];
  harness.onPlan = ({ planned }) => drafted.push(planned.some(({ draft }) => draft !== null));
  const outcome = harness.submit(request(30, 300));
  await harness.drain();
  expect(outcome.tokens).toEqual(await alone(outcome.request, { next }));
  expect(drafted.slice(60, 140).filter(Boolean).length).toBeLessThan(16);
  // The last 150 tokens.
  expect(harness.steps).toBeLessThan(150 + 60);
});

test('a large batch does not draft, and what is left of it does', async () => {
  const harness = harnessOf();
  const widths = new Set<number>();
  harness.onPlan = ({ planned }) => {
    if (planned.some(({ draft }) => draft !== null)) widths.add(planned.length);
  };
  for (let i = 0; i < 24; i++) harness.submit(request(30, i < 2 ? 120 : 30));
  await harness.drain();
  expect(Math.max(...widths)).toBeLessThanOrEqual(16);
  expect(widths.has(2)).toBe(true);
});

test('no draft beside a prompt', async () => {
  const harness = harnessOf({ stepTokens: 64 });
  const seen: boolean[] = [];
  harness.onPlan = ({ planned }) => {
    if (planned.some(({ sequence }) => !sequence.decoding))
      seen.push(planned.some(({ draft }) => draft !== null));
  };
  harness.submit(request(30, 100));
  for (let i = 0; i < 5; i++) await harness.step();
  harness.submit(request(900, 4));
  await harness.drain();
  expect(seen.length).toBeGreaterThan(5);
  expect(seen.filter(Boolean)).toEqual([]);
});

describe('drafts keep every limit', () => {
  test('tokens that a reader has not taken', async () => {
    const harness = harnessOf({ maxUnread: 6 });
    const outcome = harness.submit(request(30, 60), false);
    await harness.drain();
    expect(outcome.generation.unread).toBe(6);
    void harness.read(outcome);
    await new Promise(setImmediate);
    await harness.drain();
    expect(outcome.tokens).toEqual(await alone(outcome.request, repeating));
  });

  test('rows of a step', async () => {
    const harness = harnessOf({ stepTokens: 8, maxRunning: 4 });
    let widest = 0;
    harness.onPlan = ({ items, planned }) => {
      const drafts = items.map(({ draft }) => (draft && 'tokens' in draft ? draft.tokens.length : 0));
      widest = Math.max(widest, planned.length + drafts.reduce((a, b) => a + b, 0));
    };
    await stepsFor(harness, 60);
    expect(widest).toBe(8);
  });

  test('KV memory: a draft takes only what is free', async () => {
    const harness = harnessOf({}, { ...repeating, blocksTotal: 9, blockTokens: 8 });
    let short = 0;
    harness.onOutputs = (outputs) => {
      short += outputs.filter(({ status }) => status === 'noKv').length;
    };
    const outcomes = [harness.submit(request(30, 30)), harness.submit(request(30, 10))];
    await harness.drain();
    expect(short).toBe(0);
    for (const { tokens, request: what } of outcomes) expect(tokens).toEqual(await alone(what, repeating));
  });

  test('stop tokens inside of a draft', async () => {
    const sampling = { ...greedy, stopTokens: Int32Array.of((20 * 7 + 30) % 1000) };
    const harness = harnessOf();
    const outcome = harness.submit(request(30, 100, { sampling }));
    await harness.drain();
    expect(outcome.finished).toMatchObject({ reason: 'stopToken', completionTokens: 21 });
    expect(harness.steps).toBeLessThan(21);
  });

  test('fair shares: a tenant pays for every token it gets', async () => {
    const harness = harnessOf({ maxRunning: 1 });
    const order: string[] = [];
    harness.onPlan = ({ planned }) => {
      const tenant = planned[0]?.sequence.request.tenant as string;
      if (order.at(-1) !== tenant) order.push(tenant);
    };
    // As many tokens for both: drafts of one may not count for less.
    for (let i = 0; i < 3; i++) {
      harness.submit(request(30, 60, { tenant: 'repeats' }));
      harness.submit(request(31, 60, { tenant: 'other' }));
    }
    await harness.drain();
    expect(order).toEqual(['repeats', 'other', 'repeats', 'other', 'repeats', 'other']);
  });
});

describe('a lower stage drafts', () => {
  const model: Partial<SimulatedModel> = {
    guess: (history, sampling, count, stage) =>
      count % 4 === 0 && stage < 2 ? 1 : (hash(history, sampling, count) as number),
    next: (history, sampling, count) => hash(history, sampling, count),
  };
  const hash: NonNullable<SimulatedModel['next']> = (history) =>
    history.reduce((sum, token) => (Math.imul(sum, 31) + token) >>> 0, 7) % 1000;
  const run = async (share: number) => {
    const harness = harnessOf({ speculation: 'stage' }, model);
    harness.stepUs = (rows, stage) => (stage === 4 ? 1000 + 50 * rows : share * (1000 + 50 * rows));
    harness.scheduler.setTopStage(1);
    harness.submit(request(30, 5));
    await harness.drain();
    harness.scheduler.setTopStage(4);
    const outcome = harness.submit(request(30, 150));
    const from = harness.steps;
    await harness.drain();
    expect(outcome.tokens).toEqual(await alone(outcome.request, model));
    return { outcome, steps: harness.steps - from };
  };

  test('where it is much cheaper', async () => {
    const { outcome, steps } = await run(0.1);
    expect(steps).toBeLessThan(75);
    expect(outcome.finished?.acceptedDraftTokens).toBeGreaterThan(75);
  });

  test('not where it costs nearly as much', async () => {
    const { outcome, steps } = await run(0.8);
    expect(outcome.finished?.draftTokens).toBe(0);
    expect(steps).toBe(150);
  });
});
