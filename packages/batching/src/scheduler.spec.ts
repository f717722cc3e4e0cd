import { alone, greedy, Harness, type Outcome, request } from './harness.fixture';

const steps = async (harness: Harness, count: number) => {
  for (let i = 0; i < count; i++) await harness.step();
};

describe('limits', () => {
  const tight = { contextTokens: 64, maxRunning: 2, maxWaiting: 1 };
  test.each([
    ['an empty prompt', request(0, 4), 'prompt-empty', /prompt/],
    ['a prompt that fills the context', request(64, 0), 'prompt-too-long', /prompt: 64 tokens, limit 63/],
    ['more tokens than the context', request(4, 65), 'tokens-too-many', /max_tokens: 65, limit 64/],
  ])('%s is refused', (_, what, failure, message) => {
    const harness = new Harness(tight);
    const refused = expect.objectContaining({ failure, message: expect.stringMatching(message) });
    expect(() => harness.submit(what)).toThrow(refused);
    expect(harness.scheduler.load().waiting).toBe(0);
  });

  test('a request beyond the queue is refused, and accepted again when one has ended', async () => {
    const harness = new Harness(tight);
    const first = [1, 2, 3].map(() => harness.submit(request(4, 4)));
    expect(() => harness.submit(request(4, 4))).toThrow(expect.objectContaining({ failure: 'queue-full' }));
    first[0]?.generation.cancel();
    harness.submit(request(4, 4));
  });

  test('the KV cache bounds the context', () => {
    const harness = new Harness({}, { blocksTotal: 4, blockTokens: 16 });
    expect(harness.scheduler.contextTokens).toBe(64);
    expect(() => harness.submit(request(64, 1))).toThrow('limit 63');
  });
});

describe('an answer', () => {
  test('ends at its own limit', async () => {
    const harness = new Harness();
    const outcome = harness.submit(request(40, 7));
    await harness.drain();
    expect(outcome.tokens).toHaveLength(7);
    expect(outcome.started).toMatchObject({ promptTokens: 40, cachedTokens: 0, queueUs: 0 });
    expect(outcome.finished).toMatchObject({ reason: 'length', completionTokens: 7, promptTokens: 40 });
  });

  test('ends at the context length', async () => {
    const harness = new Harness({ contextTokens: 64 });
    const outcome = harness.submit(request(60, 0));
    await harness.drain();
    expect(outcome.tokens).toHaveLength(4);
    expect(outcome.finished?.reason).toBe('length');
  });

  test('ends at a stop token, which counts', async () => {
    const harness = new Harness({}, { next: (_, __, count) => count });
    const sampling = { ...greedy, stopTokens: Int32Array.of(3) };
    const outcome = harness.submit(request(5, 100, { sampling }));
    await harness.drain();
    expect(outcome.tokens).toEqual([0, 1, 2, 3]);
    expect(outcome.finished).toMatchObject({ reason: 'stopToken', completionTokens: 4 });
  });

  test('takes the prompt of another from the cache', async () => {
    const harness = new Harness();
    const first = harness.submit(request(100, 3));
    await harness.drain();
    const second = harness.submit(request(100, 3));
    await harness.drain();
    expect(second.started?.cachedTokens).toBe(96);
    expect(second.tokens).toEqual(first.tokens);
  });

  test('continues embeddings', async () => {
    const model = { hiddenSize: 4 };
    const prompt = {
      kind: 'embeddings' as const,
      rows: Float32Array.from({ length: 160 }, (_, i) => i / 8),
      width: 4,
    };
    const what = request(1, 9, { prompt });
    const harness = new Harness({ stepTokens: 64 }, model);
    const outcome = harness.submit(what);
    const others = [harness.submit(request(70, 20)), harness.submit(request(90, 20))];
    await harness.drain();
    expect(outcome.finished?.promptTokens).toBe(40);
    expect(outcome.tokens).toEqual(await alone(what, model));
    expect(outcome.tokens).toHaveLength(9);
    expect(others.every(({ finished }) => finished?.reason === 'length')).toBe(true);
  });

  test('moves to a new stage at the next token, or stays where it is pinned', async () => {
    const harness = new Harness();
    const stages: number[][] = [];
    harness.onPlan = ({ items }) => stages.push(items.map(({ stage }) => stage));
    harness.scheduler.setTopStage(1);
    harness.submit(request(4, 4));
    harness.submit(request(4, 4, { stage: 0 }));
    await steps(harness, 2);
    harness.scheduler.setTopStage(2);
    await harness.drain();
    expect(stages).toEqual([
      [1, 0],
      [1, 0],
      [2, 0],
      [2, 0],
    ]);
  });
});

describe('an end from outside', () => {
  const phases: [string, (harness: Harness) => Promise<Outcome>][] = [
    ['before any step', async (harness) => harness.submit(request(200, 50))],
    [
      'in the queue',
      async (harness) => {
        for (let i = 0; i < 40; i++) harness.submit(request(20, 50));
        await steps(harness, 3);
        return harness.submit(request(200, 50));
      },
    ],
    [
      'in prefill',
      async (harness) => {
        const outcome = harness.submit(request(2000, 50));
        await steps(harness, 1);
        return outcome;
      },
    ],
    [
      'in decode',
      async (harness) => {
        const outcome = harness.submit(request(20, 50));
        await steps(harness, 5);
        return outcome;
      },
    ],
  ];
  test.each(phases)('cancelling %s frees all within one step', async (_, until) => {
    const harness = new Harness();
    const outcome = await until(harness);
    const had = outcome.tokens.length;
    outcome.generation.cancel();
    let used = false;
    const handles = harness.backend.sequences;
    harness.onPlan = ({ planned }) => {
      used ||= planned.some(({ sequence }) => sequence.generation === outcome.generation);
    };
    await harness.step();
    expect(used).toBe(false);
    expect(outcome.tokens).toHaveLength(had);
    expect(outcome.finished?.reason).toBe('cancelled');
    await harness.drain();
    expect(harness.backend.sequences).toBe(0);
    expect(harness.backend.kv().blocksFree).toBe(1000);
    expect(handles).toBeLessThanOrEqual(33);
  });

  test('cancelling during a step drops its outcome', async () => {
    const harness = new Harness();
    const outcome = harness.submit(request(20, 50));
    harness.onPlan = () => outcome.generation.cancel();
    await harness.drain();
    expect(outcome.tokens).toEqual([]);
    expect(harness.backend.sequences).toBe(0);
  });

  test('a deadline ends a running answer and a waiting one', async () => {
    const harness = new Harness({ maxRunning: 1 });
    const running = harness.submit(request(20, 2000, { deadlineUs: 50_000 }));
    const waiting = harness.submit(request(20, 5, { deadlineUs: 30_000 }));
    expect(harness.scheduler.nextDeadlineUs()).toBe(30_000);
    await harness.drain();
    expect(running.finished?.reason).toBe('deadline');
    expect(running.tokens.length).toBeGreaterThan(10);
    expect(waiting.finished).toMatchObject({ reason: 'deadline', completionTokens: 0 });
  });

  test('a failed step ends its own sequences only', async () => {
    const harness = new Harness({ maxRunning: 1 });
    const hit = harness.submit(request(20, 50));
    const next = harness.submit(request(20, 5));
    const plan = harness.scheduler.plan(0);
    harness.scheduler.fail(plan!, new Error('out of luck'));
    await harness.drain();
    expect(hit.error).toMatchObject({
      failure: 'backend',
      cause: expect.objectContaining({ message: 'out of luck' }),
    });
    expect(next.tokens).toHaveLength(5);
  });

  test('closing ends everything and accepts nothing', async () => {
    const harness = new Harness();
    const outcome = harness.submit(request(20, 50));
    await steps(harness, 2);
    harness.scheduler.close();
    await harness.drain();
    expect(outcome.error).toMatchObject({ failure: 'closed' });
    expect(() => harness.submit(request(1, 1))).toThrow(expect.objectContaining({ failure: 'closed' }));
    expect(harness.backend.sequences).toBe(0);
  });
});

describe('a consumer that does not read', () => {
  test('pauses its own sequence, keeps its place, and others go on', async () => {
    const harness = new Harness({ maxUnread: 5, maxRunning: 1 });
    const slow = harness.submit(request(20, 30), false);
    const others = [harness.submit(request(20, 30)), harness.submit(request(20, 30))];
    await harness.drain();
    expect(slow.generation.unread).toBe(5);
    expect(harness.scheduler.load().parked).toBe(1);
    for (const other of others) expect(other.tokens).toHaveLength(30);
    void harness.read(slow);
    await new Promise(setImmediate);
    await harness.drain();
    expect(slow.tokens).toEqual(await alone(slow.request));
  });

  test('gives its KV to those that need it, and computes again later', async () => {
    const harness = new Harness({ maxUnread: 5 }, { blocksTotal: 8, blockTokens: 16 });
    const slow = harness.submit(request(60, 20), false);
    await steps(harness, 8);
    const other = harness.submit(request(100, 20));
    await harness.drain();
    expect(other.tokens).toHaveLength(20);
    expect(harness.scheduler.load().preemptions).toBe(1);
    void harness.read(slow);
    await new Promise(setImmediate);
    await harness.drain();
    expect(slow.tokens).toEqual(await alone(slow.request));
  });

  test('ends after the limit', async () => {
    const harness = new Harness({ maxUnread: 5, stallUs: 1_000_000 });
    const slow = harness.submit(request(20, 30), false);
    await harness.drain();
    harness.nowUs = harness.scheduler.nextDeadlineUs();
    await harness.step();
    expect(harness.scheduler.load().parked).toBe(0);
    await harness.read(slow);
    expect(slow.tokens).toHaveLength(5);
    expect(slow.error).toMatchObject({ failure: 'stalled' });
  });
});

describe('prompts beside an answer, where not even a grain of 32 tokens fits a mixed step', () => {
  const ttftUs = 4_000_000;

  /** One request answers, and what a step costs is known; `pieces` are the times of steps that compute prompts. */
  async function answering() {
    const harness = new Harness({ mixedStepUs: 100_000 });
    harness.stepUs = (rows) => 20_000 + 5000 * rows;
    harness.submit(request(64, 3));
    await harness.drain();
    const answer = harness.submit(request(40, 2000));
    while (answer.tokens.length < 2) await harness.step();
    const pieces: { fromUs: number; toUs: number }[] = [];
    harness.onPlan = ({ planned }) => {
      const rows = planned.reduce((sum, { count }) => sum + count, 0);
      const fromUs = harness.nowUs;
      if (planned.some(({ sequence }) => !sequence.decoding))
        pieces.push({ fromUs, toUs: fromUs + harness.stepUs(rows, 0) });
    };
    const rests = () => pieces.slice(1).map(({ fromUs }, i) => fromUs - (pieces[i]?.toUs ?? 0));
    return { harness, answer, pieces, rests };
  }

  test('rest for as long as their last step took, so that the answer goes on', async () => {
    const { harness, answer, pieces, rests } = await answering();
    const before = answer.tokens.length;
    const asked = harness.submit(request(160, 1, { ttftUs }));
    const fromUs = harness.nowUs;
    while (asked.finished === null) await harness.step();
    expect(pieces).toHaveLength(5);
    for (const rest of rests()) expect(rest).toBeGreaterThanOrEqual(185_000);
    // Without rests each token of the answer would come with a piece.
    expect((harness.nowUs - fromUs) / (answer.tokens.length - before)).toBeLessThan(100_000);
  });

  test('rest no more once half of the objective of one is over', async () => {
    const { harness, pieces, rests } = await answering();
    const asked = harness.submit(request(640, 1, { ttftUs }));
    const patientUntilUs = harness.nowUs + ttftUs / 2;
    while (asked.finished === null) await harness.step();
    const late = rests().filter((_, i) => (pieces[i]?.toUs ?? 0) > patientUntilUs);
    expect(late.length).toBeGreaterThan(5);
    expect(new Set(late)).toEqual(new Set([0]));
  });

  test('do not rest where theirs is the more important request', async () => {
    const { harness, rests } = await answering();
    const asked = harness.submit(request(160, 1, { ttftUs, priority: 'interactive' }));
    while (asked.finished === null) await harness.step();
    expect(rests()).toEqual([0, 0, 0, 0]);
  });
});
