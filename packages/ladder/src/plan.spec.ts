import { modelTensors } from './model-tensors';
import { writingOrder } from './pack';
import { makePlan } from './plan';
import type { SourceModel, SourceType } from './source-model';
import { SAMPLE_MIXTURE, SAMPLE_MODEL } from './testing/sample-config';

function source(type: SourceType, layers = 8, tiedEmbeddings = true, model = SAMPLE_MODEL): SourceModel {
  const config = { ...model, layers, tiedEmbeddings };
  return {
    name: 'sample',
    uri: 'file:///sample',
    path: '/sample',
    sha256: '0'.repeat(64),
    bytes: 1,
    config,
    tokenizer: {},
    tensors: [...modelTensors(config)]
      .filter(([, { needed }]) => needed)
      .map(([name, { shape }]) => ({
        name,
        shape,
        type: shape[0] === 1 ? 'F32' : name === 'token_embd.weight' ? 'Q8_0' : type,
        bytes: async () => new Uint8Array(),
      })),
    close: async () => {},
  };
}

describe('writingOrder', () => {
  it("lays a mixture's experts out one after the other, whatever the source's order", () => {
    const config = { ...SAMPLE_MIXTURE, layers: 1 };
    const names = [...modelTensors(config).keys()].filter((name) => name !== 'output.weight');
    const tensors = new Map(
      names.toReversed().map((name) => [
        name,
        {
          name,
          shape: [1, 1] as [number, number],
          type: 'F32' as const,
          bytes: async () => new Uint8Array(),
        },
      ]),
    );
    const plan = new Map(names.map((name) => [name, { kind: 'raw' as const }]));
    expect(writingOrder(config, tensors, plan).map(({ name }) => name)).toEqual(names);
    const dense = { ...SAMPLE_MODEL, layers: 1 };
    expect(writingOrder(dense, tensors, plan).map(({ name }) => name)).toEqual(names.toReversed());
  });
});

describe('makePlan', () => {
  const plan = makePlan(source('Q4_1'), {
    bits: 3,
    group: 64,
    embeddingBits: 5,
    sharedHead: false,
    order: null,
  });

  it('keeps vectors as they are and grows the embedding from a slice', () => {
    expect(plan.get('output_norm.weight')).toEqual({ kind: 'raw' });
    expect(plan.get('token_embd.weight')).toMatchObject({ kind: 'slice', exactStage: 4 });
  });

  it('keeps routers as they are and gives every expert rungs of its own', () => {
    const mixture = makePlan(source('Q4_1', 8, true, SAMPLE_MIXTURE), {
      bits: 3,
      group: 64,
      embeddingBits: 5,
      sharedHead: false,
      order: null,
    });
    expect(mixture.get('blk.0.ffn_gate_inp.weight')).toEqual({ kind: 'raw' });
    expect(mixture.get('blk.0.ffn_gate_inp_shexp.weight')).toEqual({ kind: 'raw' });
    expect(mixture.get('blk.3.ffn_down.2.weight')).toMatchObject({ kind: 'residual', bits: 3 });
    expect(mixture.get('blk.3.ffn_up_shexp.weight')).toMatchObject({ kind: 'residual', bits: 3 });
  });

  it('protects attn_v first, then the edges, within the budget of each stage', () => {
    const stageOf = (name: string) => (plan.get(name) as { exactStage: number }).exactStage;
    const stages = [...plan.keys()].filter((name) => name.endsWith('ffn_gate.weight')).map(stageOf);
    expect(stageOf('blk.3.attn_v.weight')).toBeLessThan(stageOf('blk.3.ffn_gate.weight'));
    expect(stageOf('blk.0.ffn_down.weight')).toBeLessThan(stageOf('blk.3.ffn_down.weight'));
    expect(Math.max(...stages)).toBe(4);
    expect(Math.min(...stages)).toBeGreaterThan(1);
  });

  it('follows a measured order where there is one', () => {
    // Enough layers that one of them fits into what stage 1 may add.
    const order = ['blk.5.ffn_gate.weight', ...[...plan.keys()].filter((name) => name.startsWith('blk.'))];
    const measured = makePlan(source('Q4_1', 24), {
      bits: 3,
      group: 64,
      embeddingBits: 5,
      sharedHead: false,
      order,
    });
    expect(measured.get('blk.5.ffn_gate.weight')).toMatchObject({ exactStage: 1 });
  });

  it('cuts plain floats into wide codes', () => {
    const made = makePlan(source('BF16'), {
      bits: 3,
      group: 64,
      embeddingBits: 5,
      sharedHead: false,
      order: null,
    });
    expect(made.get('blk.1.ffn_up.weight')).toEqual({ kind: 'wide', group: 64 });
  });

  it.each([
    ['Q4_K', 3],
    ['Q5_0', 4],
    ['Q5_K', 4],
    ['Q6_K', 6],
    ['Q8_0', 6],
  ] as const)('lays the residual of %s in %d bits', (type, residualBits) => {
    const made = makePlan(source(type), {
      bits: 3,
      group: 64,
      embeddingBits: 5,
      sharedHead: false,
      order: null,
    });
    expect(made.get('blk.1.ffn_up.weight')).toMatchObject({ kind: 'residual', residualBits });
  });

  it("lets the embedding use the head's codes where both hold the same weights", () => {
    const options = { bits: 3, group: 64, embeddingBits: 5, order: null };
    const shared = makePlan(source('Q6_K', 8, false), { ...options, sharedHead: true });
    expect(shared.get('output.weight')).toMatchObject({
      kind: 'residual',
      bits: 4,
      group: 32,
      residualBits: 4,
    });
    expect(shared.get('token_embd.weight')).toMatchObject({ kind: 'like', tensor: 'output.weight' });
    const apart = makePlan(source('Q6_K', 8, false), { ...options, sharedHead: false });
    expect(apart.get('token_embd.weight')).toMatchObject({ kind: 'slice' });
    // A head that is exact from the start has no codes to share.
    const exact = makePlan(source('Q4_K', 8, false), { ...options, sharedHead: true });
    expect(exact.get('token_embd.weight')).toMatchObject({ kind: 'slice' });
  });

  it('starts the layers at the edges of a 6-bit source wider', () => {
    const made = makePlan(source('Q6_K'), {
      bits: 3,
      group: 64,
      embeddingBits: 5,
      sharedHead: false,
      order: null,
    });
    expect(made.get('blk.0.ffn_down.weight')).toMatchObject({ bits: 4 });
    expect(made.get('blk.3.ffn_down.weight')).toMatchObject({ bits: 3 });
    expect(made.get('blk.3.attn_v.weight')).toMatchObject({ bits: 4 });
  });
});
