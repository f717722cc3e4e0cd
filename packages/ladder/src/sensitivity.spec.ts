import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeQuant } from '@zen/engine';
import type { TensorPlan } from './plan';
import { ReferenceModel } from './reference-model';
import { measureSensitivity } from './sensitivity';
import type { SourceTensor } from './source-model';
import { SAMPLE_MODEL } from './testing/sample-config';
import { WorkFolder } from './work-folder';

// A model in which every tensor is one number: a layer adds its q to the states, the head adds its own, and the
// distance of two logits stands for their divergence.
const VALUES: Record<string, number> = {
  'token_embd.weight': 1,
  'blk.0.attn_q.weight': 10,
  'blk.1.attn_q.weight': 100,
  'output.weight': 1000,
};
/** What coding takes from each. */
const LOSS: Record<string, number> = {
  'blk.0.attn_q.weight': 0.5,
  'blk.1.attn_q.weight': 0.25,
  'output.weight': 0.125,
};
const HIDDEN = SAMPLE_MODEL.hiddenSize;
const filled = (value: number) => new Float32Array(HIDDEN * SAMPLE_MODEL.vocabSize).fill(value);

const quant = {
  packScales: (rowScale: Uint16Array) => ({ rowScale, groups: new Uint8Array() }),
  packPlane: async () => new Uint8Array(),
  // The row scale carries the number, in eighths.
  decodeCoded: async ({ rowScale }: { rowScale: Uint16Array }) => filled(rowScale[0]! / 8),
  referenceLayer: async (_model: object, weights: Float32Array[], lengths: Int32Array, x: Float32Array) => {
    expect(lengths.reduce((sum, length) => sum + length, 0) * HIDDEN).toBe(x.length);
    for (let i = 0; i < x.length; i++) x[i]! += weights[1]![0]!;
  },
  referenceHead: async (_m: object, _n: object, head: Float32Array, x: Float32Array, tokens: number) =>
    Float32Array.from({ length: tokens }, (_, token) => x[token * HIDDEN]! + head[0]!),
  compareLogits: async (a: Float32Array, b: Float32Array) =>
    Float32Array.from({ length: 4 * a.length }, (_, i) => (i % 4 === 0 ? a[i / 4]! - b[i / 4]! : 1)),
} as unknown as NativeQuant;

describe('measureSensitivity', () => {
  it("finds each tensor's own damage, the shared codes' too", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zen-sensitivity-'));
    try {
      const work = await WorkFolder.open(join(folder, 'ladder'), 'key');
      const plan = new Map<string, TensorPlan>();
      const tensors = new Map<string, SourceTensor>();
      for (const [name, value] of Object.entries(VALUES)) {
        tensors.set(name, { name, shape: [1, HIDDEN], type: 'Q4_1', bytes: async () => new Uint8Array() });
        if (name === 'token_embd.weight') continue;
        plan.set(name, { kind: 'residual', bits: 3, group: 64, residualBits: 3, exactStage: 4 });
        const rowScale = Uint16Array.of((value - LOSS[name]!) * 8);
        const none = new Uint8Array();
        await work.keepCoding(name, {
          rungs: [{ codes: none, rowScale, scale: none, zero: none, bent: 0 }],
          residualBits: 3,
        });
      }
      plan.set('token_embd.weight', { kind: 'like', tensor: 'output.weight', exactStage: 4 });
      const read = async (name: string) => filled(VALUES[name] ?? 0);
      const model = { ...SAMPLE_MODEL, layers: 2, tiedEmbeddings: false };
      const measured = await measureSensitivity({
        quant,
        reference: new ReferenceModel(quant, model, read),
        tensors,
        plan,
        read,
        work,
        sequences: [Int32Array.of(1, 2, 3), Int32Array.of(4)],
        progress: () => {},
      });
      const embedding = 1 - (1000 - 0.125);
      expect(Object.fromEntries(measured)).toEqual({ ...LOSS, 'token_embd.weight': embedding });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
