import { Harness, type Outcome, request } from './harness.fixture';

/** Tokens computed for each tenant so far, prompts included. */
function served(harness: Harness): Map<string, number> {
  const tokens = new Map<string, number>();
  harness.onPlan = ({ planned }) => {
    for (const { sequence, count } of planned) {
      const { tenant } = sequence.request;
      tokens.set(tenant, (tokens.get(tenant) ?? 0) + count);
    }
  };
  return tokens;
}

test('two tenants with work get the same, however many requests each has', async () => {
  const harness = new Harness({ stepTokens: 64, maxRunning: 8, maxWaiting: 1000 });
  const tokens = served(harness);
  for (let i = 0; i < 100; i++) harness.submit(request(100, 20, { tenant: 'crowd' }));
  for (let i = 0; i < 12; i++) harness.submit(request(100, 20, { tenant: 'few' }));
  const few = harness.outcomes.filter((one) => one.request.tenant === 'few');
  let widest = 0;
  while (few.some(({ finished }) => !finished)) {
    await harness.step();
    const waits = few.some(({ started }) => !started);
    if (waits) widest = Math.max(widest, Math.abs((tokens.get('crowd') ?? 0) - (tokens.get('few') ?? 0)));
  }
  // What requests in the batch may still owe (maxRunning answers), one request, and two steps.
  expect(widest).toBeLessThanOrEqual(8 * 20 + 120 + 2 * 64);
});

test('a tenant that comes late is served from where the others are, not from zero', async () => {
  const harness = new Harness({ stepTokens: 64, maxRunning: 4, maxWaiting: 1000 });
  // One that has left long ago must not hold the others' time back.
  harness.submit(request(5, 1, { tenant: 'gone' }));
  for (let i = 0; i < 60; i++) harness.submit(request(50, 10, { tenant: 'early' }));
  for (let i = 0; i < 100; i++) await harness.step();
  const tokens = served(harness);
  for (let i = 0; i < 60; i++) harness.submit(request(50, 10, { tenant: 'late' }));
  for (let i = 0; i < 40; i++) await harness.step();
  const share = (tokens.get('late') ?? 0) / ((tokens.get('late') ?? 0) + (tokens.get('early') ?? 0));
  expect(share).toBeGreaterThan(0.35);
  expect(share).toBeLessThan(0.65);
});

test('a long prompt goes on while short ones keep coming, and they need not wait for it', async () => {
  const harness = new Harness({ stepTokens: 64, maxRunning: 8, maxWaiting: 1000, contextTokens: 9000 });
  const long = harness.submit(request(3000, 1));
  const shorts: { outcome: Outcome; at: number }[] = [];
  while (!long.finished && harness.steps < 1000) {
    if (harness.steps % 2 === 0) shorts.push({ outcome: harness.submit(request(30, 2)), at: harness.steps });
    await harness.step();
  }
  expect(long.finished?.reason).toBe('length');
  // Half of every step is its own.
  expect(harness.steps).toBeLessThanOrEqual(2 * Math.ceil(3000 / 64) + 40);
  expect(shorts.filter(({ outcome }) => outcome.finished).length).toBeGreaterThan(shorts.length - 8);
});

test('every sequence that decodes gets a token in every step, beside any prompt', async () => {
  const harness = new Harness({ stepTokens: 64, maxRunning: 8 });
  const decoding = [1, 2, 3].map((i) => harness.submit(request(10 + i, 100)));
  for (let i = 0; i < 3; i++) await harness.step();
  const before = decoding.map(({ tokens }) => tokens.length);
  for (let i = 0; i < 4; i++) harness.submit(request(1000, 1));
  for (let i = 0; i < 30; i++) await harness.step();
  expect(decoding.map(({ tokens }) => tokens.length)).toEqual(before.map((count) => count + 30));
});

test('a prompt beside decodes is cut so that the step stays near its target', async () => {
  const harness = new Harness({ stepTokens: 512, maxRunning: 8, mixedStepUs: 11_000 });
  harness.submit(request(300, 400));
  for (let i = 0; i < 20; i++) await harness.step();
  const chunks: number[] = [];
  harness.onPlan = ({ planned }) =>
    chunks.push(...planned.filter(({ count }) => count > 1).map(({ count }) => count));
  harness.submit(request(900, 1));
  for (let i = 0; i < 8; i++) await harness.step();
  // A step costs 1 ms and 0.1 ms per token: about 100 tokens fit.
  expect(Math.max(...chunks)).toBeLessThanOrEqual(110);
  expect(Math.max(...chunks.slice(1))).toBeGreaterThanOrEqual(80);
});

test('interactive requests go first, and a batch request is not passed by for ever', async () => {
  const harness = new Harness({ maxRunning: 2, stepTokens: 64, maxWaiting: 1000, ageingUs: 200_000 });
  const batch = harness.submit(request(30, 5, { priority: 'batch' }));
  const later: Outcome[] = [];
  for (let i = 0; i < 6; i++) later.push(harness.submit(request(30, 5, { priority: 'interactive' })));
  for (let i = 0; !batch.finished && i < 1000; i++) {
    later.push(harness.submit(request(30, 5, { priority: 'interactive' })));
    await harness.step();
  }
  expect(batch.finished?.reason).toBe('length');
  expect(later[0]?.started?.queueUs).toBe(0);
  expect(batch.started?.queueUs).toBeGreaterThan(300_000);
});

test('out of KV, the newest of the lowest priority gives way', async () => {
  const harness = new Harness({}, { blocksTotal: 16, blockTokens: 16 });
  const kept = harness.submit(request(60, 60));
  const low = harness.submit(request(60, 60, { priority: 'batch' }));
  const high = harness.submit(request(60, 60, { priority: 'interactive' }));
  const preempted: Outcome[] = [];
  const { truncate } = harness.backend;
  harness.backend.truncate = (sequence, length) => {
    // Handles follow the order of admission.
    preempted.push([high, kept, low][sequence - 1] as Outcome);
    truncate.call(harness.backend, sequence, length);
  };
  await harness.drain();
  expect(preempted.length).toBeGreaterThan(0);
  expect(preempted.every((one) => one === low)).toBe(true);
  for (const { tokens } of harness.outcomes) expect(tokens).toHaveLength(60);
});

test('tokens are what is shared, not requests', async () => {
  const harness = new Harness({ maxRunning: 4, maxWaiting: 1000 });
  const tokens = served(harness);
  for (let i = 0; i < 50; i++) harness.submit(request(4, 100, { tenant: 'long' }));
  for (let i = 0; i < 400; i++) harness.submit(request(4, 10, { tenant: 'short' }));
  for (let i = 0; i < 600; i++) await harness.step();
  // Each answer of 100 tokens may put its tenant ahead by as much, for each place in the batch.
  expect(Math.abs((tokens.get('long') ?? 0) - (tokens.get('short') ?? 0))).toBeLessThanOrEqual(4 * 104);
  expect(tokens.get('long')).toBeGreaterThan(800);
});

test('a long prompt gets its half of every step, however many short ones crowd in', async () => {
  const harness = new Harness({ stepTokens: 64, maxRunning: 8, maxWaiting: 5000, contextTokens: 9000 });
  const long = harness.submit(request(3000, 1));
  while (!long.finished && harness.steps < 1000) {
    for (let i = 0; i < 3; i++) harness.submit(request(60, 1));
    await harness.step();
  }
  expect(harness.steps).toBeLessThanOrEqual(Math.ceil(3000 / 32) + 2);
});

test('a prompt that does not fit beside the others waits instead of pushing them out', async () => {
  const harness = new Harness({}, { blocksTotal: 16, blockTokens: 16 });
  const first = harness.submit(request(200, 20));
  const second = harness.submit(request(190, 20));
  await harness.drain();
  expect(harness.scheduler.load().preemptions).toBe(0);
  expect(first.tokens).toHaveLength(20);
  expect(second.tokens).toHaveLength(20);
});

test('among equals the newest gives way, and one that nobody reads before any other', async () => {
  const harness = new Harness({ maxUnread: 4 }, { blocksTotal: 16, blockTokens: 16 });
  const preempted: number[] = [];
  const { truncate } = harness.backend;
  harness.backend.truncate = (sequence, length) => {
    preempted.push(sequence);
    truncate.call(harness.backend, sequence, length);
  };
  // Handles 1 to 4 in this order; all grow beyond what fits.
  harness.submit(request(40, 100));
  harness.submit(request(41, 100), false);
  harness.submit(request(42, 100));
  harness.submit(request(43, 100));
  await harness.drain();
  expect(preempted.slice(0, 2)).toEqual([2, 4]);
  expect(preempted).not.toContain(1);
});
