import type { NativeModel, NativeSampling, OpenOptions, StepItem, StepOutput } from './index';
import { EngineError, loadEngine } from './index';
import { tinyLadder } from './tiny-ladder.fixture';

const ladder = tinyLadder();
afterAll(() => ladder.remove());

const SAMPLING: NativeSampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBiasTokens: new Int32Array(0),
  logitBiasValues: new Float32Array(0),
  seed: 0n,
  stop: [],
  stopTokens: new Int32Array(0),
  logprobs: 5,
};

/** Token i is the byte of the i-th letter from `A`. */
const LETTERS = Uint8Array.from({ length: 64 }, (_, i) => 65 + i);
const OFFSETS = Uint32Array.from({ length: 65 }, (_, i) => i);

async function open(change: Partial<OpenOptions> = {}, stages = 5): Promise<NativeModel> {
  const model = loadEngine().open(ladder.configJson, {
    threads: 2,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 2048,
    tokenBytes: LETTERS,
    tokenOffsets: OFFSETS,
    ...change,
  });
  for (const [stage, path] of ladder.stagePaths.slice(0, stages).entries()) {
    await model.attachStage(stage, path);
  }
  return model;
}

interface Request {
  prompt: Int32Array;
  stage: number;
  sampling: NativeSampling;
}

function requests(): Request[] {
  return Array.from({ length: 8 }, (_, i) => ({
    prompt: Int32Array.from({ length: 5 + 9 * i }, (_, t) => (t * 7 + i * 3) % 64),
    stage: i % 5,
    sampling: { ...SAMPLING, temperature: i % 3, topK: i % 2 ? 10 : 0, seed: BigInt(i) },
  }));
}

/** 10 tokens and their log-probabilities for each request, all in one batch. */
async function generate(model: NativeModel, all: Request[], chunk = 4096, prefix = false): Promise<string[]> {
  const live = all.map((request) => {
    const sequence = model.createSequence(request.sampling);
    const at = prefix ? model.matchPrefix(sequence, request.stage, request.prompt) : 0;
    return { ...request, sequence, at, tokens: [] as number[], logprobs: [] as number[] };
  });
  while (live.some((one) => one.tokens.length < 10)) {
    const now = live.filter((one) => one.tokens.length < 10);
    const items = now.map((one): StepItem => {
      const tokens =
        one.at < one.prompt.length
          ? one.prompt.slice(one.at, one.at + chunk)
          : Int32Array.of(one.tokens.at(-1)!);
      one.at += tokens.length;
      const sample = one.at >= one.prompt.length;
      return { sequence: one.sequence, tokens, embeddings: null, stage: one.stage, sample, draft: null };
    });
    const outputs = await model.step(items);
    for (const [i, one] of now.entries()) {
      if (!items[i]!.sample) continue;
      one.tokens.push(outputs[i]!.token);
      one.logprobs.push(outputs[i]!.logprob, ...outputs[i]!.topLogprobs);
    }
  }
  for (const one of live) model.freeSequence(one.sequence);
  return live.map((one) => JSON.stringify([one.tokens, one.logprobs]));
}

async function aloneEach(model: NativeModel): Promise<string[]> {
  const results: string[] = [];
  for (const request of requests()) results.push(...(await generate(model, [request])));
  return results;
}

const only = async (model: NativeModel, item: Partial<StepItem>): Promise<StepOutput> => {
  const full = {
    sequence: 0,
    tokens: Int32Array.of(1),
    embeddings: null,
    stage: 0,
    sample: true,
    draft: null,
    ...item,
  };
  return (await model.step([full]))[0]!;
};

describe('a request gets the same tokens', () => {
  test.each(['f16', 'int8'] as const)(
    'alone and among 7 others, in chunks, after a prefix (%s)',
    async (kvType) => {
      const model = await open({ kvType });
      const expected = await aloneEach(model);
      expect(new Set(expected).size).toBe(8);
      expect(await generate(model, requests())).toEqual(expected);
      expect(await generate(model, requests(), 3)).toEqual(expected);
      expect(await generate(model, requests(), 4096, true)).toEqual(expected);
      model.close();
    },
  );

  test('with 1, 2 and 3 threads', async () => {
    const results: string[][] = [];
    for (const threads of [1, 2, 3]) {
      const model = await open({ threads });
      results.push(await generate(model, requests()));
      model.close();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('from embeddings in place of tokens', async () => {
    const model = await open({}, 1);
    const rows = new Float32Array(3 * ladder.hiddenSize).fill(0.25);
    const a = await only(model, {
      sequence: model.createSequence(SAMPLING),
      tokens: new Int32Array(0),
      embeddings: rows,
    });
    const sequence = model.createSequence(SAMPLING);
    for (const row of [0, 1]) {
      const embeddings = rows.slice(row * ladder.hiddenSize, (row + 1) * ladder.hiddenSize);
      await only(model, { sequence, tokens: new Int32Array(0), embeddings, sample: false });
    }
    const b = await only(model, {
      sequence,
      tokens: new Int32Array(0),
      embeddings: rows.slice(0, ladder.hiddenSize),
    });
    expect([b.token, ...b.topLogprobs]).toEqual([a.token, ...a.topLogprobs]);
    model.close();
  });
});

describe('memory', () => {
  test('out of KV: the item says noKv, others go on, and room comes back', async () => {
    const model = await open({ kvBytes: 3 * 4096 }, 1);
    expect(model.stats()).toMatchObject({ kvBlocksTotal: 3, kvBlocksFree: 3, kvBlockTokens: 16 });
    const a = model.createSequence(SAMPLING);
    const b = model.createSequence(SAMPLING);
    const tokens = new Int32Array(30);
    const item = { tokens, embeddings: null, stage: 0, sample: true, draft: null };
    const [first, second] = await model.step([
      { ...item, sequence: a },
      { ...item, sequence: b },
    ]);
    expect([first!.status, second!.status, second!.token]).toEqual(['ok', 'noKv', -1]);
    model.truncate(a, 0);
    expect((await only(model, { sequence: b, tokens })).status).toBe('ok');
    model.freeSequence(a);
    model.freeSequence(b);
    expect(model.stats()).toMatchObject({ kvBlocksFree: 3, sequences: 0 });
    model.close();
  });

  test('a sequence freed during a step is gone after it', async () => {
    const model = await open({}, 1);
    const sequence = model.createSequence(SAMPLING);
    const step = only(model, { sequence, tokens: new Int32Array(2000) });
    await new Promise((resolve) => setTimeout(resolve, 1));
    model.freeSequence(sequence);
    const [result] = await Promise.allSettled([step]);
    // Freed before the step took it: the handle is refused by name.
    if (result!.status === 'rejected') expect(String(result!.reason)).toContain('must be a live handle');
    expect(model.stats()).toMatchObject({ sequences: 0, kvBlocksFree: model.stats().kvBlocksTotal });
    model.close();
  });
});

describe('stages', () => {
  test('attach in order, detach, attach again', async () => {
    const model = await open({}, 2);
    await expect(model.attachStage(3, ladder.stagePaths[3]!)).rejects.toThrow('stage 3 must follow stage 2');
    const [low, high] = await Promise.all([
      model.logits(0, Int32Array.of(1)),
      model.logits(1, Int32Array.of(1)),
    ]);
    expect(low).not.toEqual(high);
    model.detachStage(1);
    expect(model.stats().attachedStages).toEqual([0]);
    await expect(model.logits(1, Int32Array.of(1))).rejects.toThrow('stage 1 must be attached');
    await model.attachStage(1, ladder.stagePaths[1]!);
    expect(await model.logits(1, Int32Array.of(1))).toEqual(high);
    model.close();
  });

  test('a blob of another size is refused by name', async () => {
    const model = await open({}, 0);
    const call = model.attachStage(0, ladder.stagePaths[1]!);
    await expect(call).rejects.toThrow(EngineError);
    await expect(call).rejects.toMatchObject({ failure: { kind: 'field', name: 'stage 0' } });
    model.close();
  });

  test('a broken tensor table names tensor and limit', () => {
    const config = JSON.parse(ladder.configJson);
    config.tensors[3].rungs[0].data.offset = 32;
    const options: OpenOptions = {
      threads: 1,
      kvBytes: 2 ** 20,
      kvType: 'f16',
      contextTokens: 16,
      tokenBytes: LETTERS,
      tokenOffsets: OFFSETS,
    };
    const call = () => loadEngine().open(JSON.stringify(config), options);
    expect(call).toThrow('tensor blk.0.attn_k.weight.rungs[0].data.offset must be a multiple of 64');
    expect(() => loadEngine().open('{', options)).toThrow('config must be JSON');
  });
});

describe('sampling', () => {
  test('stop texts match over the borders of tokens; stop tokens end too', async () => {
    const model = await open({}, 1);
    const [free] = await generate(model, [requests()[0]!]);
    const tokens = JSON.parse(free!)[0] as number[];
    const text = String.fromCharCode(...tokens.map((token) => LETTERS[token]!));
    const finish = async (change: Partial<NativeSampling>) => {
      const sequence = model.createSequence({ ...SAMPLING, ...change });
      let next = requests()[0]!.prompt;
      for (let count = 1; count <= 10; count++) {
        const output = await only(model, { sequence, tokens: next });
        if (output.finish !== 'none') return [output.finish, output.stopIndex, count];
        next = Int32Array.of(output.token);
      }
      return ['none', -1, 10];
    };
    const border = text.slice(2, 5);
    const [kind, index, count] = await finish({ stop: ['never', border] });
    expect([kind, index, count]).toEqual(['stopText', 1, text.indexOf(border) + 3]);
    expect(await finish({ stopTokens: Int32Array.of(tokens[3]!) })).toEqual([
      'stopToken',
      -1,
      tokens.indexOf(tokens[3]!) + 1,
    ]);
    model.close();
  });

  test('log-probabilities are those of the logits', async () => {
    const model = await open({}, 1);
    const prompt = requests()[2]!.prompt;
    const all = await model.logits(0, prompt);
    const last = all.slice(-ladder.vocabSize);
    const total = Math.log(last.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const sequence = model.createSequence({ ...SAMPLING, logprobs: 20 });
    const output = await only(model, { sequence, tokens: prompt });
    const best = [...last.keys()].sort((a, b) => last[b]! - last[a]!).slice(0, 20);
    expect([...output.topTokens]).toEqual(best);
    for (const [i, token] of best.entries()) {
      expect(output.topLogprobs[i]).toBeCloseTo(last[token]! - total, 4);
    }
    expect(output.token).toBe(best[0]);
    expect(output.logprob).toBe(output.topLogprobs[0]);
    model.close();
  });
});

test('a closed model is refused, and a step that runs ends well', async () => {
  const model = await open({}, 1);
  const sequence = model.createSequence(SAMPLING);
  const step = only(model, { sequence, tokens: new Int32Array(1000) });
  model.close();
  expect((await step).status).toBe('ok');
  expect(() => model.stats()).toThrow('model must not be closed');
});
