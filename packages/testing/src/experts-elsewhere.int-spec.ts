import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExpertCall,
  type ExpertFloor,
  GREEDY,
  loadEngine,
  type NativeExperts,
  type NativeModel,
  type StepItem,
} from '@zen/engine';
import type { OpenLadder } from '@zen/ladder';
import { packTinyMixture } from './tiny-mixture';

/**
 * A model whose experts are in two pods of the same process: greedy answers with their log-probabilities are those of
 * the model that has all of them, to the bit, also across failures.
 */
const LAYERS = 2;
const COUNT = 6;
const PODS = 2;
const STAGES = [0, 2, 4, 4, 3];

const folder = mkdtempSync(join(tmpdir(), 'zen-elsewhere-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A first step at the top stage. */
const stepOf = (sequence: number): StepItem => ({
  sequence,
  tokens: Int32Array.of(1, 2, 3),
  embeddings: null,
  stage: 4,
  sample: true,
  draft: null,
});

class Elsewhere {
  model!: NativeModel;
  calls = 0;
  lost = 0;
  errors: unknown[] = [];
  encodings = new Set<string>();
  /** Whether this pod loses this call. */
  fails: (call: ExpertCall, pod: number) => boolean = () => false;

  constructor(private readonly pods: NativeExperts[]) {}

  readonly dispatch = (call: ExpertCall): void => {
    this.calls++;
    this.encodings.add(call.encoding);
    const none = { outputs: new Float32Array(0), missing: new Uint8Array(0) };
    void this.answer(call)
      .catch((error: unknown) => {
        this.errors.push(error);
        return none;
      })
      .then(({ outputs, missing }) => this.model.completeExperts(call.id, outputs, missing))
      .catch((error: unknown) => this.errors.push(error));
  };

  /** Every pod gets the pairs of its own experts, with the call's rows as they are. */
  private async answer(call: ExpertCall): Promise<{ outputs: Float32Array; missing: Uint8Array }> {
    const missing = new Uint8Array(call.experts.length);
    const width = 64;
    const outputs = new Float32Array(call.pairs.length * width);
    await Promise.all(
      this.pods.map(async (pod, number) => {
        const mine = [...call.experts.keys()].filter((at) => call.experts[at]! % PODS === number);
        if (mine.length === 0) return;
        const begins = [...call.counts].map((_, at) =>
          call.counts.subarray(0, at).reduce((a, b) => a + b, 0),
        );
        const pairs = mine.flatMap((at) => [
          ...call.pairs.subarray(begins[at]!, begins[at]! + call.counts[at]!),
        ]);
        if (this.fails(call, number)) {
          this.lost++;
          for (const at of mine) missing[at] = 1;
          return;
        }
        const part = {
          ...call,
          experts: Int32Array.from(mine, (at) => call.experts[at]!),
          counts: Int32Array.from(mine, (at) => call.counts[at]!),
          pairs: Int32Array.from(pairs),
        };
        const answered = await pod.run(part, 'f32');
        const floats = new Float32Array(answered.outputs.buffer, answered.outputs.byteOffset);
        let from = 0;
        for (const at of mine) {
          const count = call.counts[at]! * width;
          outputs.set(floats.subarray(from, from + count), begins[at]! * width);
          from += count;
        }
      }),
    );
    return { outputs, missing };
  }
}

async function open(ladder: OpenLadder, resident?: Int8Array, elsewhere?: Elsewhere): Promise<NativeModel> {
  const model = loadEngine().open(ladder.configJson, {
    threads: 2,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 256,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(ladder.config.model.vocabSize + 1),
    ...(resident && elsewhere ? { experts: { resident, dispatch: elsewhere.dispatch } } : {}),
  });
  for (const [stage, path] of ladder.stagePaths.entries()) await model.attachStage(stage, path);
  if (elsewhere) elsewhere.model = model;
  return model;
}

async function pods(ladder: OpenLadder): Promise<NativeExperts[]> {
  const all = Array.from({ length: PODS }, () => loadEngine().openExperts(ladder.configJson, { threads: 1 }));
  for (const [number, pod] of all.entries()) {
    const own = Int32Array.from({ length: COUNT / PODS }, (_, i) => i * PODS + number);
    for (let layer = 0; layer < LAYERS; layer++) await pod.hold(layer, own, ladder.stagePaths);
    expect(pod.stats()).toMatchObject({ held: LAYERS * own.length });
  }
  return all;
}

/** 6 tokens of each prompt with their log-probabilities, and how often one had to try again. */
async function answers(model: NativeModel, expertFloor: ExpertFloor = 'exact') {
  const live = STAGES.map((stage, i) => ({
    stage,
    sequence: model.createSequence({ ...GREEDY, logprobs: 5 }),
    next: Int32Array.from({ length: 4 + 5 * i }, (_, t) => (t * 11 + i) % 500),
    said: [] as number[],
    falls: { standIn: 0, without: 0 },
    again: 0,
  }));
  for (;;) {
    const now = live.filter(({ said }) => said.length < 6 * 6);
    if (now.length === 0) break;
    const items = now.map(
      ({ sequence, stage, next }): StepItem => ({
        sequence,
        tokens: next,
        embeddings: null,
        stage,
        sample: true,
        draft: null,
        expertFloor,
      }),
    );
    for (const [i, output] of (await model.step(items)).entries()) {
      const one = now[i]!;
      if (output.status === 'noExpert') {
        one.again++;
        continue;
      }
      expect(output.status).toBe('ok');
      one.said.push(output.token, ...output.topLogprobs);
      one.next = Int32Array.of(output.token);
      one.falls.standIn += output.expertFalls.standIn;
      one.falls.without += output.expertFalls.without;
    }
  }
  for (const { sequence } of live) model.freeSequence(sequence);
  return {
    said: live.map(({ said }) => said),
    falls: live.map(({ falls }) => falls),
    again: live.map(({ again }) => again),
  };
}

const table = (of: (place: number) => number) =>
  Int8Array.from({ length: LAYERS * COUNT }, (_, place) => of(place));

describe.each(['Q4_1', 'F32'] as const)('experts of %s in two pods', (type) => {
  let ladder: OpenLadder;
  let elsewhere: Elsewhere;
  let right: number[][];
  let held: NativeExperts[];
  beforeAll(async () => {
    const experts = { count: COUNT, perToken: 3, sharedFfnSize: 64 };
    ladder = await packTinyMixture(join(folder, type), { layers: LAYERS, experts, type });
    held = await pods(ladder);
    const home = await open(ladder);
    right = (await answers(home)).said;
    home.close();
  });
  beforeEach(() => {
    elsewhere = new Elsewhere(held);
  });
  afterEach(() => expect(elsewhere.errors).toEqual([]));
  afterAll(() => {
    for (const pod of held) pod.close();
  });

  test.each([
    ['none at home', table(() => -1)],
    ['the lowest stage at home', table(() => 0)],
    ['some at home', table((place) => (place % 3 === 0 ? 4 : place % 3 === 1 ? 2 : -1))],
  ])('%s: the same answers', async (_, resident) => {
    const model = await open(ladder, resident, elsewhere);
    expect(await answers(model)).toEqual({
      said: right,
      falls: STAGES.map(() => ({ standIn: 0, without: 0 })),
      again: STAGES.map(() => 0),
    });
    expect(elsewhere.calls).toBeGreaterThan(0);
    if (type === 'Q4_1') expect([...elsewhere.encodings].sort()).toEqual(['int16', 'int8']);
    expect(model.takeExpertLoad().reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
    model.close();
  });

  test('across pods that fail, exact answers come when they are asked again', async () => {
    const model = await open(
      ladder,
      table(() => 0),
      elsewhere,
    );
    let calls = 0;
    elsewhere.fails = () => ++calls % 7 === 0;
    const got = await answers(model);
    expect(got.said).toEqual(right);
    expect(elsewhere.lost).toBeGreaterThan(0);
    expect(got.again.reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
    expect(got.falls).toEqual(STAGES.map(() => ({ standIn: 0, without: 0 })));
    model.close();
  });

  test('where all pods are gone, stand-ins are the lowest stage, and counted', async () => {
    const lowest = table(() => 0);
    const home = await open(ladder);
    home.setExpertCaps(lowest);
    const low = (await answers(home)).said;
    home.close();
    expect(low).not.toEqual(right);
    const model = await open(ladder, lowest, elsewhere);
    elsewhere.fails = () => true;
    const got = await answers(model, 'standIn');
    expect(got.said).toEqual(low);
    for (const [i, { standIn, without }] of got.falls.entries()) {
      expect([standIn > 0, without]).toEqual([STAGES[i]! > 0, 0]);
    }
    model.close();
  });

  test('without a stand-in, one takes less if it says so', async () => {
    const model = await open(
      ladder,
      table(() => -1),
      elsewhere,
    );
    elsewhere.fails = (_, pod) => pod === 1;
    const got = await answers(model, 'without');
    for (const { standIn, without } of got.falls) expect([standIn, without > 0]).toEqual([0, true]);
    const sequence = model.createSequence(GREEDY);
    expect((await model.step([stepOf(sequence)]))[0]).toMatchObject({ status: 'noExpert', token: -1 });
    await expect(model.logits(4, Int32Array.of(1, 2))).rejects.toThrow('experts must all be there');
    model.close();
  });

  test('a step that nobody answers ends when the model is closed, and late answers are nothing', async () => {
    const asked: ExpertCall[] = [];
    const model = loadEngine().open(ladder.configJson, {
      threads: 2,
      kvBytes: 2 ** 22,
      kvType: 'f16',
      contextTokens: 256,
      tokenBytes: new Uint8Array(0),
      tokenOffsets: new Uint32Array(ladder.config.model.vocabSize + 1),
      experts: { resident: table(() => 0), dispatch: (call) => asked.push(call) },
    });
    for (const [stage, path] of ladder.stagePaths.entries()) await model.attachStage(stage, path);
    const sequence = model.createSequence(GREEDY);
    const step = model.step([stepOf(sequence)]);
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(() => model.completeExperts(asked[0]!.id + 1, new Float32Array(0), new Uint8Array(0))).toThrow(
      'id must be of a dispatch that is not answered yet',
    );
    model.close();
    expect((await step)[0]!.expertFalls.standIn).toBeGreaterThan(0);
    model.completeExperts(asked[0]!.id, new Float32Array(0), new Uint8Array(0));
  });
});
