import type { NativeQuant } from '@zen/engine';
import { codeMixtureLayer } from './code-mixture';
import { ReferenceMixture } from './reference-mixture';
import { ReferenceModel } from './reference-model';
import { sensitivityUnits, spreadOverExperts } from './sensitivity-units';
import type { ModelConfig } from './source-model';
import { SAMPLE_MODEL } from './testing/sample-config';

// A mixture of one column: a row's state is a number, an expert adds its first weight to it, and the sum of squares of
// the rows that went into an expert stands for its covariances.
const MODEL: ModelConfig = {
  ...SAMPLE_MODEL,
  layers: 1,
  hiddenSize: 1,
  ffnSize: 1,
  experts: { count: 3, perToken: 2, normalized: true, sharedFfnSize: 1 },
};
const CHOSEN = [0, 2, 0, 2, 0, 1, 0, 2];
const GATES = [0.75, 0.25, 0.5, 0.5, 1, 0, 0.5, 0.5];
const WEIGHTS: Record<string, number> = { '0': 10, '1': 20, '2': 40, _shexp: 100 };

function quant(ran: { weight: number; rows: number[] }[] = []): NativeQuant {
  return {
    referenceAttention: async () => undefined,
    referenceRoute: async (
      ...[, , , , , x]: [unknown, unknown, unknown, unknown, unknown, Float32Array]
    ) => ({
      hidden: x.slice(),
      experts: Int32Array.from(CHOSEN),
      gates: Float32Array.from(GATES),
      shared: new Float32Array(4).fill(0.5),
    }),
    referenceExpert: async (
      weights: Float32Array[],
      ...[, , rows, , hessians]: [number, number, Float32Array, number, Float32Array[] | null]
    ) => {
      ran.push({ weight: weights[0]![0]!, rows: [...rows] });
      for (const sum of hessians ?? []) for (const row of rows) sum[0]! += row * row;
      return Float32Array.from(rows, (row) => row + weights[0]![0]!);
    },
  } as unknown as NativeQuant;
}

const read = async (name: string) => {
  const expert = /ffn_(?:gate|up|down)(?:\.(\d+)|(_shexp))\.weight$/.exec(name);
  return Float32Array.of(WEIGHTS[expert?.[1] ?? expert?.[2] ?? ''] ?? 0);
};
const states = () => Float32Array.of(1, 2, 3, 4);

describe('ReferenceMixture', () => {
  it('adds gate times output of the chosen experts and the shared one, and runs an expert on its rows alone', async () => {
    const ran: { weight: number; rows: number[] }[] = [];
    const x = states();
    await new ReferenceModel(quant(ran), MODEL, read).layer(0, x, Int32Array.of(4));
    expect(ran).toEqual([
      { weight: 10, rows: [1, 2, 3, 4] },
      { weight: 20, rows: [3] },
      { weight: 40, rows: [1, 2, 4] },
      { weight: 100, rows: [1, 2, 3, 4] },
    ]);
    const shared = (row: number) => 0.5 * (row + 100);
    expect([...x]).toEqual([
      1 + 0.75 * 11 + 0.25 * 41 + shared(1),
      2 + 0.5 * 12 + 0.5 * 42 + shared(2),
      3 + 1 * 13 + 0 * 23 + shared(3),
      4 + 0.5 * 14 + 0.5 * 44 + shared(4),
    ]);
  });

  it('counts the rows of every expert', async () => {
    const model = new ReferenceModel(quant(), MODEL, read);
    expect(await model.layerRows(0, states(), Int32Array.of(4))).toEqual([4, 1, 3]);
  });

  it('gives an expert with few rows the covariances of others too, and its own outputs all the same', async () => {
    const x = states();
    const mixture = await ReferenceMixture.route(quant(), MODEL, 0, x, read);
    const sums = async (least: number | null) => (await mixture.add(1, read, least))?.ffnIn[0];
    expect(await sums(null)).toBeUndefined();
    expect(await sums(1)).toBe(9);
    // Rows 1 and 2 of 1, 2 and 4.
    expect(await sums(3)).toBe(9 + 1 + 4);
    expect(await sums(100)).toBe(9 + 1 + 4 + 16);
    mixture.finish();
    expect([...x]).toEqual([...states()]);
  });
});

describe('codeMixtureLayer', () => {
  it('codes what is left, an expert with few rows with those of others, and sends the states through', async () => {
    const coded: [string, number | undefined][] = [];
    const job = {
      reference: new ReferenceModel(quant(), MODEL, read),
      read,
      code: async (name: string, hessian: Float32Array | null) => void coded.push([name, hessian?.[0]]),
      progress: () => {},
    };
    const left = ['blk.0.attn_q.weight', 'blk.0.ffn_up.1.weight', 'blk.0.ffn_down.2.weight'];
    const x = states();
    await codeMixtureLayer(job, 0, left, { x, lengths: Int32Array.of(4) });
    expect(coded).toEqual([
      ['blk.0.attn_q.weight', 0],
      ['blk.0.ffn_up.1.weight', 9 + 1 + 4 + 16],
      ['blk.0.ffn_down.2.weight', 1 + 4 + 16 + 9],
    ]);
    expect(x[0]).toBeGreaterThan(50);
    coded.length = 0;
    await codeMixtureLayer(job, 0, left, null);
    expect(coded).toEqual(left.map((name) => [name, undefined]));
  });
});

describe('the sensitivity of experts', () => {
  it("is measured for all of a layer at once and shared out by the experts' rows", () => {
    const residual = { kind: 'residual' as const, bits: 3, group: 64, residualBits: 3, exactStage: 4 };
    const names = [
      'blk.0.attn_q',
      'blk.0.ffn_up.0',
      'blk.0.ffn_up.1',
      'blk.0.ffn_up_shexp',
      'blk.1.ffn_up.0',
      'blk.1.ffn_up.1',
    ];
    const units = sensitivityUnits(new Map(names.map((name) => [`${name}.weight`, residual])));
    expect([...units.keys()]).toEqual([
      'blk.0.attn_q.weight',
      'blk.0.ffn_up.*.weight',
      'blk.0.ffn_up_shexp.weight',
      'blk.1.ffn_up.*.weight',
    ]);
    const measured = new Map([...units.keys()].map((unit, index) => [unit, index + 1]));
    const spread = spreadOverExperts(measured, units, [
      [2, 0],
      [9, 9],
    ]);
    expect([...spread.values()]).toEqual([1, 1.5, 0.5, 3, 2, 2]);
  });
});
