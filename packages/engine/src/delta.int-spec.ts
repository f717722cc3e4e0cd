import { type TinyForm, tinyDelta } from './delta.fixture';
import { type DeltaPart, EngineError, GREEDY, loadEngine, type NativeModel } from './index';
import { tinyLadder } from './tiny-ladder.fixture';

const ladder = tinyLadder();
afterAll(() => ladder.remove());

const FORMS: TinyForm[] = ['dense1', 'lora1', 'lora16', 'vec', 'mixed'];
const PROMPT = Int32Array.from({ length: 21 }, (_, i) => (i * 7) % 64);
const scope = (byte: number) => new Uint8Array(32).fill(byte);

async function open(delta = { slots: 6, slotBytes: 2 ** 15, denseSlots: 1 }): Promise<NativeModel> {
  const model = loadEngine().open(ladder.configJson, {
    threads: 2,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 2048,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(65),
    delta,
  });
  for (const [stage, path] of ladder.stagePaths.entries()) await model.attachStage(stage, path);
  return model;
}

interface Who {
  delta: number | null;
  scope: Uint8Array;
}

/** 6 tokens with their log-probabilities for each, all in one batch. */
async function answers(model: NativeModel, all: Who[]): Promise<string[]> {
  const live = all.map((identity) => ({
    sequence: model.createSequence({ ...GREEDY, logprobs: 5 }, undefined, identity),
    tokens: PROMPT,
    got: [] as unknown[],
  }));
  for (let i = 0; i < 6; i++) {
    const items = live.map(({ sequence, tokens }) => ({
      sequence,
      tokens,
      embeddings: null,
      stage: 4,
      sample: true,
      draft: null,
    }));
    const outputs = await model.step(items);
    for (const [at, one] of live.entries()) {
      const output = outputs[at]!;
      one.tokens = Int32Array.of(output.token);
      one.got.push(output.token, ...output.topLogprobs);
    }
  }
  for (const { sequence } of live) model.freeSequence(sequence);
  return live.map(({ got }) => JSON.stringify(got));
}

test('all recipes in one step: each as alone, the base as if no delta were loaded', async () => {
  const bare = await open({ slots: 0, slotBytes: 0, denseSlots: 0 });
  const base = { delta: null, scope: new Uint8Array(0) };
  const [plain] = await answers(bare, [base]);
  bare.close();
  const model = await open();
  const identities: Who[] = [];
  for (const [at, form] of FORMS.entries()) {
    identities.push({ delta: await model.loadDelta(tinyDelta(form, at + 1)), scope: scope(at) });
  }
  const alone: string[] = [];
  for (const identity of identities) alone.push(...(await answers(model, [identity])));
  expect(new Set([plain, ...alone]).size).toBe(FORMS.length + 1);
  const all = [base, ...identities, base, ...identities.toReversed(), base];
  expect(await answers(model, all)).toEqual([plain, ...alone, plain, ...alone.toReversed(), plain]);
  model.close();
});

test.each(FORMS)('the largest numbers that %s can have spoil that one sequence alone', async (form) => {
  const model = await open();
  const base = { delta: null, scope: new Uint8Array(0) };
  const largest = tinyDelta(form, 1).map((part): DeltaPart => {
    if (part.form === 'lora16') {
      return { ...part, scale: 1e6, a: part.a.fill(0x7f7f), b: part.b.fill(0x7f7f) };
    }
    if (part.form === 'vec') return { ...part, v: part.v.fill(0x7bff) };
    return { ...part, scales: part.scales.fill(0x7bff) };
  });
  const delta = await model.loadDelta(largest);
  const step = async (identities: Who[]) => {
    const items = identities.map((identity) => ({
      sequence: model.createSequence({ ...GREEDY, logprobs: 5 }, undefined, identity),
      tokens: PROMPT,
      embeddings: null,
      stage: 4,
      sample: true,
      draft: null,
    }));
    const outputs = await model.step(items);
    for (const { sequence } of items) model.freeSequence(sequence);
    return outputs;
  };
  const [plain] = await step([base]);
  const [before, spoiled, after] = await step([base, { delta, scope: scope(1) }, base]);
  expect([before, after]).toEqual([plain, plain]);
  if (form === 'lora16') expect(spoiled).toMatchObject({ status: 'notFinite', token: -1 });
  if (spoiled?.status === 'ok') expect(spoiled.token).toBeGreaterThanOrEqual(0);
  model.close();
});

test('only equal scopes share blocks', async () => {
  const model = await open();
  const delta = await model.loadDelta(tinyDelta('lora1', 1));
  const tokens = Int32Array.from({ length: 40 }, (_, i) => i);
  const fill = async (who: Who) => {
    const sequence = model.createSequence(GREEDY, undefined, who);
    await model.step([{ sequence, tokens, embeddings: null, stage: 4, sample: false, draft: null }]);
    model.freeSequence(sequence);
  };
  const found = (who: Who) => {
    const sequence = model.createSequence(GREEDY, undefined, who);
    const computed = model.matchPrefix(sequence, 4, tokens);
    model.freeSequence(sequence);
    return computed;
  };
  await fill({ delta: null, scope: new Uint8Array(0) });
  await fill({ delta, scope: scope(1) });
  expect(found({ delta: null, scope: new Uint8Array(0) })).toBe(32);
  expect(found({ delta, scope: scope(1) })).toBe(32);
  expect(found({ delta, scope: scope(2) })).toBe(0);
  expect(found({ delta: null, scope: scope(0) })).toBe(0);
  const last = scope(1);
  last[31] = 2;
  expect(found({ delta, scope: last })).toBe(0);
  model.close();
});

test('a scope that is forgotten gives nothing back, also what a sequence still computes in it', async () => {
  const model = await open();
  const tokens = Int32Array.from({ length: 40 }, (_, i) => i);
  const begin = (byte: number) =>
    model.createSequence(GREEDY, undefined, { delta: null, scope: scope(byte) });
  const step = (sequence: number, some: Int32Array) =>
    model.step([{ sequence, tokens: some, embeddings: null, stage: 4, sample: false, draft: null }]);
  const found = (byte: number) => {
    const sequence = begin(byte);
    const computed = model.matchPrefix(sequence, 4, tokens);
    model.freeSequence(sequence);
    return computed;
  };
  for (const byte of [1, 2]) {
    const sequence = begin(byte);
    await step(sequence, tokens);
    model.freeSequence(sequence);
  }
  const running = begin(1);
  await step(running, tokens.subarray(0, 20));
  expect([found(1), found(2)]).toEqual([32, 32]);
  model.forgetScope(scope(1));
  await step(running, tokens.subarray(20));
  model.freeSequence(running);
  expect([found(1), found(2)]).toEqual([0, 32]);
  expect(() => model.forgetScope(new Uint8Array(0))).toThrow('scope must have 32 bytes');
  model.close();
});

test('slots are counted, kept while in use, and used again', async () => {
  const model = await open({ slots: 2, slotBytes: 2 ** 15, denseSlots: 1 });
  const first = await model.loadDelta(tinyDelta('lora1', 1));
  await model.loadDelta(tinyDelta('vec', 2));
  await expect(model.loadDelta(tinyDelta('vec', 3))).rejects.toThrow(
    'delta must find a free slot: all 2 small slots are taken',
  );
  expect(model.stats()).toMatchObject({ deltaSlots: 2, deltaSlotsUsed: 2, denseSlots: 1, denseSlotsUsed: 0 });
  expect(model.stats().deltaBytes).toBeGreaterThan(1000);
  const sequence = model.createSequence(GREEDY, undefined, { delta: first, scope: scope(1) });
  expect(() => model.freeDelta(first)).toThrow('delta must not be in use: 1 use it');
  model.freeSequence(sequence);
  model.freeDelta(first);
  const again = await model.loadDelta(tinyDelta('lora1', 4));
  expect(again).not.toBe(first);
  expect(() => model.createSequence(GREEDY, undefined, { delta: first, scope: scope(1) })).toThrow(
    `delta must be a loaded delta, not ${first}`,
  );
  expect(() => model.freeDelta(first)).toThrow(EngineError);
  expect(() => model.createSequence(GREEDY, undefined, { delta: again, scope: new Uint8Array(0) })).toThrow(
    'scope must be 32 bytes where there is a delta',
  );
  model.close();
});

describe('what is refused', () => {
  const changed = (form: TinyForm, change: Record<string, unknown>): DeltaPart[] =>
    tinyDelta(form, 1).map((part, at) => (at === 0 ? ({ ...part, ...change } as DeltaPart) : part));
  const cases: [string, DeltaPart[], string][] = [
    ['nothing', [], 'must have 1 to 28 parts'],
    [
      'an unknown module',
      changed('lora1', { module: 'x' }),
      'module must be one of q, k, v, o, gate, up, down',
    ],
    ['an unknown form', changed('lora1', { form: 'x' }), 'form must be dense1, lora1, lora16 or vec'],
    ['rank 65', changed('lora1', { rank: 65 }), 'q.rank must be a whole number from 1 to 64'],
    ['an array of another kind', changed('lora1', { a: new Uint16Array(8) }), 'q.a must be a Uint8Array'],
    ['a short array', changed('lora1', { a: new Uint8Array(8) }), 'q.a must have 64, not 8'],
    ['another rank than its arrays', changed('lora1', { rank: 5 }), 'q.a must have 80, not 64'],
    ['a group of 48', changed('dense1', { group: 48 }), 'q.group must be a multiple of 32 that divides 64'],
    ['layer 2', changed('vec', { layers: Int32Array.of(0, 2) }), 'q.layers must rise from 0 to 1 at most'],
    [
      'a layer twice',
      changed('vec', { layers: Int32Array.of(0, 0) }),
      'q.layers must rise from 0 to 1 at most',
    ],
    ['two forms of a sum', [...tinyDelta('lora1', 1), ...tinyDelta('dense1', 1)], 'q.form must be one of'],
    ['a part twice', [...tinyDelta('vec', 1), ...tinyDelta('vec', 1)], 'q.form must be vec once'],
    [
      'an infinite scale',
      changed('lora1', { scales: new Uint16Array(8).fill(0x7c00) }),
      'q.scales must be finite',
    ],
    ['a vector of NaN', changed('vec', { v: new Uint16Array(128).fill(0xfe00) }), 'q.v must be finite'],
    ['NaN in bfloat16', changed('lora16', { b: new Uint16Array(512).fill(0x7fc0) }), 'q.b must be finite'],
    ['an infinite number', changed('lora16', { scale: Infinity }), 'q.scale must be a finite number'],
  ];
  test.each(cases)('%s', async (_, parts, message) => {
    const model = await open();
    const failure = await model.loadDelta(parts).catch((error) => error);
    expect(failure).toBeInstanceOf(EngineError);
    expect(failure.failure).toMatchObject({
      kind: 'field',
      name: 'delta',
      limit: expect.stringContaining(message),
    });
    expect(model.stats()).toMatchObject({ deltaSlotsUsed: 0, denseSlotsUsed: 0, deltaBytes: 0 });
    model.close();
  });

  test('a delta larger than any slot', async () => {
    const model = await open({ slots: 1, slotBytes: 1024, denseSlots: 0 });
    await expect(model.loadDelta(tinyDelta('lora16', 1))).rejects.toThrow('delta must fit in a slot');
    model.close();
  });
});

test('logits with a delta differ from those without', async () => {
  const model = await open();
  const delta = await model.loadDelta(tinyDelta('lora1', 1));
  const base = await model.logits(4, PROMPT);
  expect(await model.logits(4, PROMPT, null)).toEqual(base);
  expect(await model.logits(4, PROMPT, delta)).not.toEqual(base);
  model.freeDelta(delta);
  await expect(model.logits(4, PROMPT, delta)).rejects.toThrow('delta must be a loaded delta');
  model.close();
});
