import type { NativeQuant } from '@zen/engine';
import { CODING_DEFAULTS, codeTensors } from './code-tensors';
import { keepResiduals } from './pack';
import type { TensorPlan } from './plan';
import type { ReferenceModel } from './reference-model';
import type { SourceModel, SourceTensor } from './source-model';
import { SAMPLE_MODEL } from './testing/sample-config';

const NAME = 'blk.0.attn_q.weight';
const coded = {
  codes: new Uint8Array(32),
  rowScale: new Uint16Array(1),
  scale: new Uint8Array(1),
  zero: new Uint8Array(1),
  bent: 0,
};
const freshPlan = (exactStage: number) =>
  new Map<string, TensorPlan>([
    [NAME, { kind: 'residual', bits: 3, group: 64, residualBits: 3, exactStage }],
  ]);

/** Codes one tensor with a native half that needs at least so many residual bits. */
async function codeOne(plan: Map<string, TensorPlan>, least: number): Promise<number[]> {
  const tensor: SourceTensor = {
    name: NAME,
    shape: [1, 32],
    type: 'Q4_1',
    bytes: async () => new Uint8Array(20),
  };
  const tried: number[] = [];
  const quantize = async (...args: unknown[]) => {
    tried.push(args[6] as number);
    return (args[6] as number) < least ? null : coded;
  };
  const made = await codeTensors(
    { quantize } as unknown as NativeQuant,
    { config: { ...SAMPLE_MODEL, layers: 1 } } as SourceModel,
    new Map([[NAME, tensor]]),
    plan,
    {} as ReferenceModel,
    async () => new Float32Array(32),
    { ...CODING_DEFAULTS, calibration: [] },
    () => {},
  );
  expect(made.get(NAME)).toEqual([coded]);
  return tried;
}

describe('codeTensors', () => {
  it('widens a residual until every code is decodable, and a new allocation keeps the width', async () => {
    const plan = freshPlan(4);
    expect(await codeOne(plan, 4)).toEqual([3, 4]);
    expect(plan.get(NAME)).toMatchObject({ residualBits: 4 });
    expect(keepResiduals(plan, freshPlan(1)).get(NAME)).toMatchObject({ residualBits: 4, exactStage: 1 });
  });

  it('names a tensor that cannot be coded at all', async () => {
    await expect(codeOne(freshPlan(4), 9)).rejects.toThrow(`${NAME}: its values cannot be coded`);
  });
});
