import { checkedEngine } from './checked-engine';
import { EngineError } from './engine-error';
import { GREEDY } from './greedy';
import { loadEngine } from './load-engine';
import type { NativeEngine, NativeModel, OpenOptions, StepItem } from './native';
import type { ExpertRows, NativeExperts } from './native-experts';

const OPTIONS: OpenOptions = {
  threads: 1,
  kvBytes: 1024,
  kvType: 'f16',
  contextTokens: 16,
  tokenBytes: new Uint8Array(0),
  tokenOffsets: new Uint32Array(3),
};

/** Records what crosses; `failure` is thrown by every call. */
function fake(failure: unknown = null): { engine: NativeEngine; calls: string[] } {
  const calls: string[] = [];
  const model = new Proxy({} as NativeModel, {
    get: (_, name) => () => {
      calls.push(String(name));
      if (failure !== null) throw failure;
      return 1;
    },
  });
  const open = () => {
    calls.push('open');
    return model;
  };
  const openExperts = () => {
    calls.push('openExperts');
    return model as unknown as NativeExperts;
  };
  return { engine: checkedEngine({ kernels: () => 'scalar', open, openExperts }), calls };
}

const item = (change: Partial<StepItem>): StepItem => ({
  sequence: 1,
  tokens: Int32Array.of(1),
  embeddings: null,
  stage: 0,
  sample: true,
  draft: null,
  ...change,
});

describe('what does not cross the border', () => {
  const model = (engine: NativeEngine) => engine.open('{}', OPTIONS);
  const cases: [string, (m: NativeModel) => unknown, string][] = [
    ['stage 5', (m) => m.detachStage(5), 'stage must be a whole number from 0 to 4'],
    [
      'stage as a fraction',
      (m) => m.logits(0.5, Int32Array.of(1)),
      'stage must be a whole number from 0 to 4',
    ],
    ['no tokens', (m) => m.logits(0, new Int32Array(0)), 'tokens must have at least 1'],
    ['handle 0', (m) => m.freeSequence(0), 'sequence must be a whole number from 1 to 2147483647'],
    ['NaN length', (m) => m.truncate(1, Number.NaN), 'length must be a whole number from 0 to 2147483647'],
    [
      'empty item',
      (m) => m.step([item({ tokens: new Int32Array(0) })]),
      'items[0].tokens must have at least 1',
    ],
    [
      'an empty draft',
      (m) => m.step([item({ draft: { tokens: new Int32Array(0) } })]),
      'items[0].draft.tokens must have at least 1',
    ],
    [
      'a long draft',
      (m) => m.step([item({ draft: { tokens: new Int32Array(64) } })]),
      'items[0].draft.tokens must have at most 63',
    ],
    [
      'a draft of no tokens',
      (m) => m.step([item({ draft: { stage: 0, count: 0 } })]),
      'items[0].draft.count must be a whole number from 1 to 63',
    ],
    [
      'a draft of stage 5',
      (m) => m.step([item({ draft: { stage: 5, count: 1 } })]),
      'items[0].draft.stage must be a whole number from 0 to 4',
    ],
    [
      'a floor that is none',
      (m) => m.step([item({ expertFloor: 'any' as 'exact' })]),
      'items[0].expertFloor must be one of exact, standIn, without',
    ],
    [
      'an answer to no dispatch',
      (m) => m.completeExperts(0, new Float32Array(0), new Uint8Array(0)),
      'id must be a whole number from 1 to 2147483647',
    ],
    [
      'outputs of another type',
      (m) => m.completeExperts(1, new Uint8Array(0) as unknown as Float32Array, new Uint8Array(0)),
      'outputs must be a Float32Array',
    ],
    [
      'a cap of -1',
      (m) => m.setExpertCaps(Int8Array.of(4, -1)),
      'caps[1] must be a whole number from 0 to 4',
    ],
    [
      'tokens of another type',
      (m) => m.step([item({ tokens: [1] as unknown as Int32Array })]),
      'items[0].tokens must be an Int32Array',
    ],
    [
      'tokens and embeddings',
      (m) => m.step([item({ embeddings: new Float32Array(4) })]),
      'items[0] must have either tokens or embeddings',
    ],
    [
      'temperature',
      (m) => m.createSequence({ ...GREEDY, temperature: Number.NaN }),
      'temperature must be a number from 0 to 100',
    ],
    [
      'bias without values',
      (m) => m.createSequence({ ...GREEDY, logitBiasTokens: Int32Array.of(1) }),
      'logitBiasValues must have one value for each of logitBiasTokens',
    ],
    ['seed', (m) => m.createSequence({ ...GREEDY, seed: -1n }), 'seed must be from 0 to 2^64 − 1'],
    [
      'logprobs',
      (m) => m.createSequence({ ...GREEDY, logprobs: 21 }),
      'logprobs must be a whole number from -1 to 20',
    ],
  ];
  test.each(cases)('%s', async (_, call, message) => {
    const { engine, calls } = fake();
    await expect((async () => call(model(engine)))()).rejects.toThrow(new EngineError(parts(message)));
    expect(calls).toEqual(['open']);
  });

  test.each([
    ['threads', { threads: 257 }],
    ['kvBytes', { kvBytes: -1 }],
    ['kvType', { kvType: 'f32' as 'f16' }],
    ['contextTokens', { contextTokens: 0 }],
    ['tokenOffsets', { tokenOffsets: [] as unknown as Uint32Array }],
    ['experts.resident[1]', { experts: { resident: Int8Array.of(-1, 5), dispatch: () => {} } }],
    ['experts.dispatch', { experts: { resident: Int8Array.of(0), dispatch: null as unknown as () => void } }],
  ])('open with a wrong %s', (name, change) => {
    const { engine, calls } = fake();
    expect(() => engine.open('{}', { ...OPTIONS, ...change })).toThrow(name);
    expect(calls).toEqual([]);
  });
});

describe('what does not cross to experts', () => {
  const call: ExpertRows = {
    layer: 0,
    stage: 0,
    encoding: 'int8',
    rows: new Uint8Array(32),
    scales: new Float32Array(1),
    experts: Int32Array.of(1),
    counts: Int32Array.of(1),
    pairs: Int32Array.of(0),
  };
  const cases: [string, (e: NativeExperts) => unknown, string][] = [
    ['no blob', (e) => e.hold(0, Int32Array.of(1), []), 'blobs must be a list of 1 to 5 paths'],
    ['layer -1', (e) => e.release(-1, Int32Array.of(1)), 'layer must be a whole number from 0 to 2147483647'],
    ['a list', (e) => e.release(0, [1] as unknown as Int32Array), 'experts must be an Int32Array'],
    ['stage 5', (e) => e.run({ ...call, stage: 5 }, 'f32'), 'stage must be a whole number from 0 to 4'],
    [
      'an encoding that is none',
      (e) => e.run({ ...call, encoding: 'int4' as 'int8' }, 'f32'),
      'encoding must be one of f32, bf16, int8, int16',
    ],
    [
      'scales of another type',
      (e) => e.run({ ...call, scales: [1] as unknown as Float32Array }, 'f32'),
      'scales must be a Float32Array',
    ],
    ['an answer that is none', (e) => e.run(call, 'int8' as 'f32'), 'answer must be f32 or bf16'],
  ];
  test.each(cases)('%s', async (_, use, message) => {
    const { engine, calls } = fake();
    await expect((async () => use(engine.openExperts('{}', { threads: 1 })))()).rejects.toThrow(message);
    expect(calls).toEqual(['openExperts']);
  });
  test('no threads', () => {
    expect(() => fake().engine.openExperts('{}', { threads: 0 })).toThrow('threads must');
  });
});

function parts(message: string): { kind: 'field'; name: string; limit: string } {
  const at = message.indexOf(' ');
  return { kind: 'field', name: message.slice(0, at), limit: message.slice(at + 1) };
}

describe('what comes back as an error', () => {
  const native = (field: string, limit: string) => Object.assign(new Error('x'), { field, limit });

  test('names tensor and limit', () => {
    const { engine } = fake(native('tensor blk.0.attn_q.weight', 'must be in the table'));
    const call = () => engine.open('{}', OPTIONS).detachStage(0);
    expect(call).toThrow(EngineError);
    expect(call).toThrow('tensor blk.0.attn_q.weight must be in the table');
    expect(EngineError.from(native('tensor a', 'b')).failure).toEqual({
      kind: 'tensor',
      name: 'a',
      limit: 'b',
    });
  });

  test('is an EngineError whatever it was', async () => {
    const { engine } = fake(new TypeError('odd'));
    const call = engine.open('{}', OPTIONS).step([item({})]);
    await expect(call).rejects.toMatchObject({
      name: 'EngineError',
      failure: { name: 'engine', limit: 'odd' },
    });
  });
});

test('a missing addon says what to do', () => {
  expect(() => loadEngine('/nowhere/zen_engine.node')).toThrow(
    '/nowhere/zen_engine.node must be built first: npm run build',
  );
});
