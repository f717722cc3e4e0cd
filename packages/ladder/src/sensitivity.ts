import type { CodedTensor, NativeQuant } from '@zen/engine';
import type { CodedTensors } from './code-tensors';
import { isLinear } from './ladder-config';
import type { TensorPlan } from './plan';
import { Divergence } from './quality';
import type { DenseReader, ReferenceModel } from './reference-model';
import { planeWidths } from './source-format';
import type { SourceTensor } from './source-model';

/**
 * How much every coded linear layer alone disturbs the source model: mean KL in nats with only that tensor
 * coded. The hidden states before its layer are the source's own, so only the layers above run again.
 */
export async function measureSensitivity(
  quant: NativeQuant,
  reference: ReferenceModel,
  tensors: Map<string, SourceTensor>,
  plan: Map<string, TensorPlan>,
  coded: CodedTensors,
  read: DenseReader,
  sequences: Int32Array[],
  progress: (done: number, total: number) => void,
): Promise<Map<string, number>> {
  const names = [...coded.keys()].filter((name) => isLinear(name) && plan.get(name)?.kind === 'residual');
  const lengths = Int32Array.from(sequences, (tokens) => tokens.length);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const before: Float32Array[] = [];
  const x = await reference.embed(sequences);
  for (let layer = 0; layer < reference.model.layers; layer++) {
    before.push(x.slice());
    await reference.layer(layer, x, lengths);
  }
  const expected = await reference.logits(x, 0, tokens);
  const noTargets = new Int32Array(tokens).fill(-1);
  const result = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    const values = await decodeCoded(quant, tensors.get(name)!, plan.get(name)!, coded.get(name)![0]!);
    const replaced: DenseReader = (other) => (other === name ? Promise.resolve(values) : read(other));
    const first = Number(name.split('.')[1]);
    const state = before[first]!.slice();
    for (let layer = first; layer < reference.model.layers; layer++) {
      await reference.layer(layer, state, lengths, null, layer === first ? replaced : read);
    }
    const found = await reference.logits(state, 0, tokens);
    const sum = new Divergence();
    sum.add(await quant.compareLogits(expected, found, noTargets, reference.model.vocabSize));
    result.set(name, sum.quality().klMean);
    progress(index + 1, names.length);
  }
  return result;
}

/** Dense values of a tensor that was just coded, the way a reader will see them. */
async function decodeCoded(
  quant: NativeQuant,
  { shape: [rows, cols] }: SourceTensor,
  plan: TensorPlan,
  coded: CodedTensor,
): Promise<Float32Array> {
  if (plan.kind !== 'residual') throw new RangeError('only residual plans have codes of their own');
  const packed = quant.packScales(coded.rowScale, coded.scale, coded.zero, rows, cols, plan.group);
  const widths = planeWidths(plan.bits);
  const planes: Uint8Array[] = [];
  let shift = plan.bits;
  for (const width of widths) {
    shift -= width;
    planes.push(await quant.packPlane(coded.codes, rows, cols, shift, width));
  }
  return quant.decodeCoded({ planes, widths, group: plan.group, ...packed }, rows, cols);
}
