import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeQuant } from '@zen/engine';
import { CODING_DEFAULTS, type CodingJob, codeTensors } from './code-tensors';
import { keepResiduals } from './pack';
import type { TensorPlan } from './plan';
import { ReferenceModel } from './reference-model';
import type { SourceTensor } from './source-model';
import { SAMPLE_MODEL } from './testing/sample-config';
import { WorkFolder } from './work-folder';

const NAME = 'blk.0.attn_q.weight';
const coded = {
  codes: new Uint8Array(32),
  rowScale: new Uint16Array(1),
  scale: new Uint8Array(1),
  zero: new Uint8Array(1),
  bent: 0,
};
const freshPlan = (exactStage: number, names = [NAME]) =>
  new Map<string, TensorPlan>(
    names.map((name) => [name, { kind: 'residual', bits: 3, group: 64, residualBits: 3, exactStage }]),
  );
const tensor = (name: string): SourceTensor => ({
  name,
  shape: [1, 32],
  type: 'Q5_1',
  bytes: async () => new Uint8Array(24),
});

let folder = '';
let work: WorkFolder;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zen-coding-'));
  work = await WorkFolder.open(join(folder, 'ladder'), 'key');
});
afterEach(() => rm(folder, { recursive: true }));

function job(plan: Map<string, TensorPlan>, quant: object, layers = 1): CodingJob {
  const read = async () => new Float32Array(50 * SAMPLE_MODEL.hiddenSize);
  const native = quant as NativeQuant;
  return {
    quant: native,
    tensors: new Map([...plan.keys()].map((name) => [name, tensor(name)])),
    plan,
    reference: new ReferenceModel(native, { ...SAMPLE_MODEL, layers, tiedEmbeddings: false }, read),
    read,
    options: { ...CODING_DEFAULTS, calibration: [] },
    work,
    progress: () => {},
  };
}

/** A native half that needs at least so many residual bits, and what it was asked for. */
function quantizer(least: number) {
  const tried: number[] = [];
  const quantize = async (...args: unknown[]) => {
    tried.push(args[6] as number);
    return args[4] !== null && (args[6] as number) < least ? null : coded;
  };
  return { quantize, tried };
}

const head = (plan: Map<string, TensorPlan>) => plan.set('output.weight', { kind: 'exact' });

describe('codeTensors', () => {
  it('widens a residual until every code is decodable, and a new allocation keeps the width', async () => {
    const plan = head(freshPlan(4));
    const quant = quantizer(4);
    await codeTensors(job(plan, quant));
    expect(quant.tried).toEqual([3, 4]);
    expect((await work.coding(NAME))?.rungs).toEqual([coded]);
    expect(plan.get(NAME)).toMatchObject({ residualBits: 4 });
    expect(keepResiduals(plan, freshPlan(1)).get(NAME)).toMatchObject({ residualBits: 4, exactStage: 1 });
  });

  it('leaves the codes free where the residual has all bits of a code', async () => {
    const plan = head(freshPlan(4));
    const quant = quantizer(9);
    await codeTensors(job(plan, quant));
    expect(quant.tried).toEqual([3, 4, 0]);
    expect(plan.get(NAME)).toMatchObject({ residualBits: 5 });
  });

  it('goes on after the last layer that was finished, with its states', async () => {
    const names = [0, 1, 2].map((layer) => `blk.${layer}.attn_q.weight`);
    const layersRun: number[] = [];
    const quant = (failAt: number) => ({
      quantize: async () => coded,
      referenceLayer: async (_shape: object, _weights: unknown, _lengths: Int32Array, x: Float32Array) => {
        if (x[0] === failAt) throw new Error('killed');
        layersRun.push(x[0]!);
        x[0]! += 1;
      },
    });
    const calibrated = (failAt: number) => {
      const made = job(head(freshPlan(4, names)), quant(failAt), 3);
      return { ...made, options: { ...made.options, calibration: [Int32Array.of(1)] } };
    };
    await expect(codeTensors(calibrated(2))).rejects.toThrow('killed');
    const again = calibrated(-1);
    await codeTensors(again);
    // The state counts the layers that it went through.
    expect(layersRun).toEqual([0, 1, 2]);
    for (const name of names) expect(await work.coding(name)).toMatchObject({ residualBits: 3 });
  });
});
