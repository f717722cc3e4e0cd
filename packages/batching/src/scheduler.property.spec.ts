import { alone, greedy, Harness, type Outcome, request, seeded } from './harness.fixture';
import type { BatchRequest, Priority } from './request';
import type { SimulatedModel } from './simulated-backend';
import type { Speculation } from './speculation/speculator';
import type { StepOutput } from './step-backend';
import { draftTokens } from './step-costs';

const PRIORITIES: Priority[] = ['batch', 'normal', 'interactive'];

/** A random request: short and long prompts, some sampled, some of embeddings or with rows between tokens, some that share a prefix. */
function randomRequest(random: () => number): BatchRequest {
  const int = (below: number) => Math.floor(random() * below);
  const length = 1 + int(random() < 0.2 ? 300 : 40);
  const shared = random() < 0.3;
  const tokens = Int32Array.from({ length }, (_, i) => (shared ? i : int(1000)));
  const rows = Float32Array.from({ length: length * 2 }, () => random());
  const kind = random();
  const rowAt = Int32Array.from([...tokens.keys()].filter((at) => at % 9 > 5 || at === length - 1));
  const mixed = { kind: 'mixed' as const, tokens, rows: rows.slice(0, 2 * rowAt.length), width: 2, rowAt };
  const whole =
    kind < 0.15 ? { kind: 'embeddings' as const, rows, width: 2 } : { kind: 'tokens' as const, tokens };
  return request(1, 1 + int(40), {
    tenant: 'abc'[int(3)] as string,
    priority: PRIORITIES[int(3)] as Priority,
    prompt: kind > 0.85 ? mixed : whole,
    sampling: { ...greedy, temperature: int(2), seed: BigInt(int(1000)) },
    stage: random() < 0.5 ? null : int(3),
  });
}

/** Texts that repeat themselves for a while, so that drafts are right now and then. */
const next: SimulatedModel['next'] = (history, { temperature, seed }, count) => {
  const last = history.at(-1) ?? 0;
  if (count % 11 < 8) return (last * 5 + 3) % 50;
  return (last + Number(seed) * Math.ceil(temperature) + count) % 1000;
};
const MODEL: Partial<SimulatedModel> = {
  hiddenSize: 2,
  blockTokens: 8,
  next,
  guess: (history, sampling, count, stage) =>
    (next(history, sampling, count) + (count % (stage + 3) === 0 ? 1 : 0)) % 1000,
};

/** Requests arrive at random, some are cancelled, some are read late; memory is scarce. */
async function randomRun(seed: number, speculation: Speculation = 'off') {
  const random = seeded(seed);
  const limits = {
    stepTokens: 64,
    maxRunning: 8,
    maxWaiting: 1000,
    maxUnread: 6,
    ageingUs: 100_000,
    contextTokens: 360,
    speculation,
  };
  const harness = new Harness(limits, { ...MODEL, blocksTotal: 46 });
  harness.scheduler.setTopStage(3);
  harness.stepUs = (rows, stage) => (stage + 1) ** 2 * (80 + 5 * rows);
  const cancelled = new Set<Outcome>();
  let widest = 0;
  let overdrawn = 0;
  harness.onPlan = ({ planned }) => {
    widest = Math.max(
      widest,
      planned.reduce((sum, { count, draft }) => sum + count + draftTokens(draft), 0),
    );
  };
  harness.onOutputs = (outputs) => {
    overdrawn += outputs.filter(({ status }) => status === 'noKv').length;
  };
  const late: Outcome[] = [];
  for (let i = 0; i < 60; i++) {
    const reads = random() < 0.8;
    const outcome = harness.submit(randomRequest(random), reads);
    if (!reads) late.push(outcome);
    for (let k = Math.floor(random() * 6); k > 0; k--) await harness.step();
    const victim = harness.outcomes[Math.floor(random() * harness.outcomes.length)] as Outcome;
    if (random() < 0.15 && !victim.finished && victim.generation.unread === 0) {
      victim.generation.cancel();
      cancelled.add(victim);
    }
  }
  for (const outcome of late) void harness.read(outcome);
  await new Promise(setImmediate);
  await harness.drain();
  return { harness, cancelled, widest, overdrawn };
}

describe.each([
  [1, 'off'],
  [2, 'off'],
  [3, 'off'],
  [4, 'off'],
  [5, 'auto'],
  [6, 'auto'],
  [7, 'stage'],
  [8, 'prompt-lookup'],
] as const)('a random run (seed %i, speculation %s)', (seed, speculation) => {
  test('loses nothing, doubles nothing, and stays within its budgets', async () => {
    const { harness, cancelled, widest, overdrawn } = await randomRun(seed, speculation);
    const drafts = Object.values(harness.scheduler.load().drafts);
    const drafted = drafts.reduce((sum, one) => sum + one.drafted, 0);
    const accepted = drafts.reduce((sum, one) => sum + one.accepted, 0);
    if (speculation === 'off') expect(drafted).toBe(0);
    else expect(accepted).toBeGreaterThan(10);
    if (speculation !== 'off') expect(drafted).toBeGreaterThan(accepted);
    expect(harness.scheduler.load()).toMatchObject({
      running: 0,
      waiting: 0,
      parked: 0,
      prefillTokensWaiting: 0,
    });
    expect(widest).toBeLessThanOrEqual(64);
    expect(overdrawn).toBe(0);
    expect(harness.backend.sequences).toBe(0);
    expect(harness.backend.kv().blocksFree).toBe(46);
    for (const outcome of harness.outcomes) {
      const reference = await alone(outcome.request, { ...MODEL, blocksTotal: 1000 });
      if (cancelled.has(outcome)) {
        expect(outcome.finished?.reason).toBe('cancelled');
        expect(reference.slice(0, outcome.tokens.length)).toEqual(outcome.tokens);
      } else {
        expect(outcome.error).toBeNull();
        expect(outcome.finished?.reason).toBe('length');
        expect(outcome.tokens).toEqual(reference);
      }
    }
  });
});

test('the random runs do preempt', async () => {
  const runs = await Promise.all([1, 2, 3].map((seed) => randomRun(seed)));
  expect(runs.reduce((sum, { harness }) => sum + harness.scheduler.load().preemptions, 0)).toBeGreaterThan(5);
});

test('a backend that has less KV than it says: the newest gives way, and nothing is lost', async () => {
  const harness = new Harness({}, { blocksTotal: 100 });
  const outcomes = [harness.submit(request(60, 40)), harness.submit(request(70, 40))];
  const { backend } = harness;
  const step = backend.step.bind(backend);
  let refused = 0;
  backend.step = async (items) => {
    const last = items.at(-1);
    if (harness.steps % 10 !== 9 || items.length < 2 || !last) return step(items);
    refused++;
    const outputs = await step(items.slice(0, -1));
    return [...outputs, { ...(outputs[0] as StepOutput), status: 'noKv', token: -1 }];
  };
  await harness.drain();
  expect(refused).toBeGreaterThan(0);
  expect(harness.scheduler.load().preemptions).toBeGreaterThan(0);
  for (const outcome of outcomes) expect(outcome.tokens).toEqual(await alone(outcome.request));
});

test('a sequence whose logits are no numbers ends by name, and its neighbours go on', async () => {
  const harness = new Harness();
  const [bad, good] = [harness.submit(request(20, 10)), harness.submit(request(30, 10))];
  const { backend } = harness;
  const step = backend.step.bind(backend);
  backend.step = async (items) => {
    const outputs = await step(items);
    if (harness.steps !== 3) return outputs;
    return outputs.map((output, at) => (at === 0 ? { ...output, status: 'notFinite', token: -1 } : output));
  };
  await harness.drain();
  expect(bad.error).toMatchObject({ failure: 'not-finite' });
  expect(good.tokens).toEqual(await alone(good.request));
});

test('a request keeps its identity when it is computed anew', async () => {
  const identity = { delta: 3, scope: new Uint8Array(32).fill(9) };
  const harness = new Harness({}, { blocksTotal: 12 });
  const outcomes = [40, 41, 42, 43].map((length) => harness.submit(request(length, 40, { identity })));
  const seen: unknown[] = [];
  const create = harness.backend.createSequence.bind(harness.backend);
  harness.backend.createSequence = (sampling, sampled, given) => {
    seen.push(given);
    return create(sampling, sampled, given);
  };
  harness.scheduler.setTopStage(1);
  for (let i = 0; i < 12; i++) await harness.step();
  // A stage that is dropped begins sequences anew, with other handles.
  harness.scheduler.dropStage(1, 0);
  await harness.drain();
  expect(harness.scheduler.load().preemptions).toBeGreaterThan(0);
  expect(seen.length).toBeGreaterThan(outcomes.length);
  expect(seen.every((given) => given === identity)).toBe(true);
  const base = await alone(request(40, 40));
  for (const outcome of outcomes) expect(outcome.tokens).toEqual(await alone(outcome.request));
  expect(outcomes[0]?.tokens).not.toEqual(base);
});

test('a sequence that does not fit alone ends by name', async () => {
  const harness = new Harness();
  const outcome = harness.submit(request(60, 40));
  const { backend } = harness;
  const step = backend.step.bind(backend);
  backend.step = async (items) => (await step(items)).map((output) => ({ ...output, status: 'noKv' }));
  await harness.drain();
  expect(outcome.error).toMatchObject({
    failure: 'kv-exhausted',
    message: expect.stringContaining('limit 1000'),
  });
});
